#include <nanobind/ndarray.h>

#include "bindings.hpp"
#include "numpy.hpp"

namespace kiln::python {
namespace {

nb::dlpack::dtype dlpack_type(DType dtype) {
  using Code = nb::dlpack::dtype_code;
  const auto bits = static_cast<uint8_t>(8 * dtype_size(dtype));
  Code code = Code::UInt;
  if (dtype == DType::boolean) {
    code = Code::Bool;
  } else if (dtype == DType::bf16) {
    code = Code::Bfloat;
  } else if (is_complex(dtype)) {
    code = Code::Complex;
  } else if (dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64) {
    code = Code::Float;
  } else if (is_signed_int(dtype) && dtype_bits(dtype) >= 8) {
    code = Code::Int;
  } else if (!is_unsigned_int(dtype) || dtype_bits(dtype) < 8) {
    throw Error(ErrorCode::unsupported, "DLPack cannot say what a tensor of " + std::string(dtype_name(dtype)) + " is");
  }
  return {static_cast<uint8_t>(code), bits, 1};
}

DType dtype_of_dlpack(nb::dlpack::dtype type) {
  for (int i = 1; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    if (dtype == DType::string || is_float(dtype) != (i == 1 || i == 10 || i == 11 || i == 16)) continue;
    if (dtype_bits(dtype) >= 8 && dlpack_type(dtype) == type) return dtype;
  }
  throw Error(ErrorCode::unsupported, "a DLPack tensor of code " + std::to_string(type.code) + " and " +
                                          std::to_string(type.bits) + " bits is no type that models have");
}

nb::object array_from_dlpack(nb::object given) {
  auto source = nb::cast<nb::ndarray<nb::device::cpu, nb::c_contig>>(given);
  const DType dtype = dtype_of_dlpack(source.dtype());
  Shape shape;
  for (size_t i = 0; i < source.ndim(); ++i) shape.push_back(static_cast<int64_t>(source.shape(i)));
  const size_t bytes = source.nbytes();
  void* const data = source.data();
  auto keeper = std::shared_ptr<nb::ndarray<nb::device::cpu, nb::c_contig>>(
      new nb::ndarray<nb::device::cpu, nb::c_contig>(std::move(source)), [](auto* array) {
        const nb::gil_scoped_acquire gil;
        delete array;
      });
  return value_to_python(Tensor::borrow(dtype, std::move(shape), data, bytes, std::move(keeper)));
}

nb::object dlpack_from_array(nb::object array) {
  const DType dtype = dtype_from_numpy(array.attr("dtype"));
  const nb::object rows = Numpy::get().ascontiguousarray(array);
  std::vector<size_t> shape;
  for (nb::handle dim : array.attr("shape")) shape.push_back(nb::cast<size_t>(dim));
  auto* const data = reinterpret_cast<void*>(nb::cast<uintptr_t>(rows.attr("ctypes").attr("data")));
  const nb::ndarray<> view(data, shape.size(), shape.data(), rows, nullptr, dlpack_type(dtype));
  return nb::cast(view);
}

}  // namespace

void bind_dlpack(nb::module_& module) {
  module.def("array_from_dlpack", &array_from_dlpack, nb::arg("source"),
             "An array in the memory of what DLPack gives: an object with __dlpack__, or a capsule.");
  module.def("dlpack_from_array", &dlpack_from_array, nb::arg("array"),
             "A capsule with the memory of an array, also of types that numpy does not have.");
}

}  // namespace kiln::python
