#include "formats/onnx/tensor_writer.hpp"

#include "base/error.hpp"
#include "formats/onnx/bit_packing.hpp"
#include "formats/onnx/fields.hpp"

namespace kiln::onnx {
namespace {

/// A page, so that whoever maps the file finds each tensor aligned.
constexpr uint64_t external_alignment = 4096;

std::string_view stored(const Tensor& tensor, std::string& packed) {
  if (!is_packed(tensor.dtype())) return {static_cast<const char*>(tensor.raw()), tensor.bytes()};
  packed = pack(tensor);
  return packed;
}

}  // namespace

bool ExternalPlan::wants(const Tensor& tensor) const {
  return tensor.dtype() != DType::string && stored_bytes(tensor.dtype(), tensor.size()) >= threshold_;
}

Metadata ExternalPlan::add(const Tensor& tensor) {
  const uint64_t offset = (end_ + external_alignment - 1) / external_alignment * external_alignment;
  const uint64_t length = stored_bytes(tensor.dtype(), tensor.size());
  placed_.push_back({offset, tensor});
  end_ = offset + length;
  return {{"location", location_}, {"offset", std::to_string(offset)}, {"length", std::to_string(length)}};
}

void ExternalPlan::emit(FunctionRef<void(std::string_view)> sink) const {
  uint64_t at = 0;
  for (const Placed& placed : placed_) {
    sink(std::string(placed.offset - at, '\0'));
    std::string packed;
    const std::string_view raw = stored(placed.tensor, packed);
    sink(raw);
    at = placed.offset + raw.size();
  }
}

void write_metadata(WireWriter& out, uint32_t field, const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    WireWriter entry;
    entry.bytes(field::entry::key, key);
    entry.bytes(field::entry::value, value);
    out.message(field, std::move(entry));
  }
}

WireWriter write_tensor(std::string_view name, const Tensor& tensor, ExternalPlan* external) {
  if (!tensor.defined()) fail(ErrorCode::invalid_argument, "tensor '{}' has no value that could be written", name);
  WireWriter out;
  for (const int64_t dim : tensor.shape()) out.int64(field::tensor::dims, dim);
  out.varint(field::tensor::data_type, static_cast<uint64_t>(tensor.dtype()));
  if (tensor.dtype() == DType::string) {
    for (const std::string& text : tensor.elements<std::string>()) out.bytes(field::tensor::string_data, text);
  }
  out.text(field::tensor::name, name);
  if (tensor.dtype() == DType::string) return out;
  if (external && external->wants(tensor)) {
    write_metadata(out, field::tensor::external_data, external->add(tensor));
    out.varint(field::tensor::data_location, 1);
  } else if (is_packed(tensor.dtype())) {
    out.bytes(field::tensor::raw_data, pack(tensor));
  } else {
    out.elements(field::tensor::raw_data, tensor);
  }
  return out;
}

WireWriter write_sparse_tensor(std::string_view name, const SparseTensor& sparse) {
  WireWriter out;
  out.message(field::sparse::values, write_tensor(name, sparse.values));
  out.message(field::sparse::indices, write_tensor({}, sparse.indices));
  for (const int64_t dim : sparse.shape) out.int64(field::sparse::dims, dim);
  return out;
}

}  // namespace kiln::onnx
