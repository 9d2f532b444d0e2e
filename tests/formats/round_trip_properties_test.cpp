#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "formats/npy/npy.hpp"
#include "formats/onnx/tensor_proto.hpp"

namespace kiln {
namespace {

/// Any tensor of the element types whose every byte pattern is a value.
Tensor make_tensor() {
  const auto dtype = *rc::gen::element(DType::u8, DType::i8, DType::u16, DType::i16, DType::u32, DType::i32, DType::u64,
                                       DType::i64, DType::f32, DType::f64, DType::f16, DType::c64, DType::c128);
  const auto shape = *rc::gen::resize(4, rc::gen::container<Shape>(rc::gen::inRange<int64_t>(0, 5)));
  Tensor tensor(dtype, shape);
  auto* bytes = static_cast<uint8_t*>(tensor.mutable_raw());
  for (size_t i = 0; i < tensor.bytes(); ++i) bytes[i] = *rc::gen::arbitrary<uint8_t>();
  return tensor;
}

Tensor make_strings() {
  const auto texts = *rc::gen::container<std::vector<std::string>>(rc::gen::string<std::string>());
  return Tensor::vector(texts);
}

Tensor through_proto(const Tensor& tensor) {
  const std::string written = write_value_proto(tensor, "x");
  return read_value_proto(std::as_bytes(std::span(written)), {}, Type::tensor(tensor.dtype())).value.tensor();
}

RC_GTEST_PROP(RoundTrip, TensorsComeBackFromTheirProto, ()) {
  const Tensor tensor = make_tensor();
  RC_ASSERT(equal_bits(through_proto(tensor), tensor));
}

RC_GTEST_PROP(RoundTrip, StringsComeBackFromTheirProto, ()) {
  const Tensor tensor = make_strings();
  RC_ASSERT(equal_bits(through_proto(tensor), tensor));
}

RC_GTEST_PROP(RoundTrip, TensorsComeBackFromArrayFiles, ()) {
  const Tensor tensor = make_tensor();
  std::string file;
  write_npy(tensor, [&](auto piece) { file.append(reinterpret_cast<const char*>(piece.data()), piece.size()); });
  RC_ASSERT(equal_bits(read_npy(std::as_bytes(std::span(file))), tensor));
}

}  // namespace
}  // namespace kiln
