#include "formats/onnx/tensor_proto.hpp"

#include <cstring>
#include <new>

#include "base/error.hpp"
#include "base/mapped_file.hpp"
#include "base/safe_open.hpp"
#include "formats/onnx/fields.hpp"
#include "formats/onnx/tensor_reader.hpp"
#include "formats/onnx/tensor_writer.hpp"
#include "formats/onnx/value_reader.hpp"

namespace kiln {
namespace onnx {
namespace {

/// What a sequence or an optional says that it holds, and the fields of SequenceProto and OptionalProto to hold it.
enum class Content : uint64_t { nothing = 0, tensor = 1, sparse = 2, sequence = 3, map = 4 };

Content content_of(const Value& value) {
  if (value.is_tensor()) return Content::tensor;
  if (value.is_sparse()) return Content::sparse;
  if (value.is_sequence()) return Content::sequence;
  if (value.is_map()) return Content::map;
  return Content::nothing;
}

WireWriter write_content(const Value& value, std::string_view name);

WireWriter write_sequence(const Sequence& sequence, std::string_view name) {
  WireWriter out;
  out.text(field::sequence::name, name);
  Content content = sequence.dtype == DType::undefined ? Content::nothing : Content::tensor;
  if (!sequence.items.empty()) content = content_of(sequence.items.front());
  out.varint(field::sequence::elem_type, static_cast<uint64_t>(content));
  for (const Value& item : sequence.items) {
    const Content found = content_of(item);
    if (found != content || found == Content::nothing) {
      fail(ErrorCode::unsupported, "a sequence of values of several kinds cannot be written");
    }
    const uint32_t fields[] = {0, field::sequence::tensors, field::sequence::sparse_tensors, field::sequence::sequences,
                               field::sequence::maps};
    out.message(fields[static_cast<size_t>(found)], write_content(item, {}));
  }
  return out;
}

int64_t integer_key(const Tensor& keys, int64_t index) {
  const auto at = [&]<class T>(T) -> int64_t {
    T key;
    std::memcpy(&key, static_cast<const char*>(keys.raw()) + static_cast<size_t>(index) * sizeof(T), sizeof(T));
    return static_cast<int64_t>(key);
  };
  switch (keys.dtype()) {
    case DType::i8: return at(int8_t{});
    case DType::u8: return at(uint8_t{});
    case DType::i16: return at(int16_t{});
    case DType::u16: return at(uint16_t{});
    case DType::i32: return at(int32_t{});
    case DType::u32: return at(uint32_t{});
    case DType::i64: return at(int64_t{});
    case DType::u64: return at(uint64_t{});
    default: fail(ErrorCode::unsupported, "the keys of a map cannot be {}", dtype_onnx_name(keys.dtype()));
  }
}

/// values[index] of a map, as a tensor of its own.
Tensor map_item(const Tensor& values, int64_t index) {
  Shape shape(values.shape().begin() + 1, values.shape().end());
  Tensor item(values.dtype(), std::move(shape));
  const auto begin = static_cast<size_t>(index * item.size());
  if (item.dtype() == DType::string) {
    const auto from = values.elements<std::string>().subspan(begin, static_cast<size_t>(item.size()));
    std::copy(from.begin(), from.end(), item.mutable_data<std::string>());
  } else if (item.bytes() > 0) {
    std::memcpy(item.mutable_raw(), static_cast<const char*>(values.raw()) + begin * dtype_size(item.dtype()),
                item.bytes());
  }
  return item;
}

WireWriter write_map(const Map& map, std::string_view name) {
  const int64_t count = map.keys.size();
  if (map.values.rank() < 1 || map.values.dim(0) != count) {
    fail(ErrorCode::invalid_argument, "a map has {} keys and values of shape {}", count, to_string(map.values.shape()));
  }
  WireWriter out;
  out.text(field::map::name, name);
  out.varint(field::map::key_type, static_cast<uint64_t>(map.keys.dtype()));
  if (map.keys.dtype() == DType::string) {
    for (const std::string& key : map.keys.elements<std::string>()) out.bytes(field::map::string_keys, key);
  } else {
    for (int64_t i = 0; i < count; ++i) out.int64(field::map::keys, integer_key(map.keys, i));
  }
  Sequence items;
  items.dtype = map.values.dtype();
  for (int64_t i = 0; i < count; ++i) items.items.emplace_back(map_item(map.values, i));
  out.message(field::map::values, write_sequence(items, {}));
  return out;
}

WireWriter write_optional(const Value& value, std::string_view name) {
  WireWriter out;
  out.text(field::optional::name, name);
  const Content content = content_of(value);
  out.varint(field::optional::elem_type, static_cast<uint64_t>(content));
  const uint32_t fields[] = {0, field::optional::tensor, field::optional::sparse_tensor, field::optional::sequence,
                             field::optional::map};
  if (content != Content::nothing) out.message(fields[static_cast<size_t>(content)], write_content(value, {}));
  return out;
}

WireWriter write_content(const Value& value, std::string_view name) {
  switch (content_of(value)) {
    case Content::tensor: return write_tensor(name, value.tensor());
    case Content::sparse: return write_sparse_tensor(name, value.sparse());
    case Content::sequence: return write_sequence(value.sequence(), name);
    case Content::map: return write_map(value.map(), name);
    case Content::nothing: break;
  }
  return write_optional(value, name);
}

/// An empty sequence does not say of what it is empty; the type does.
NamedValue read_typed_sequence(ReadContext& context, std::string_view bytes, const Type& type) {
  NamedValue read = read_sequence(context, bytes);
  if (!read.value.is_sequence() || !read.value.sequence().items.empty() || !type.inner) return read;
  Sequence empty;
  if (type.inner->is_tensor()) empty.dtype = type.inner->dtype;
  read.value = std::move(empty);
  return read;
}

NamedValue read_content(ReadContext& context, std::string_view bytes, const Type& type) {
  switch (type.kind) {
    case Type::Kind::sparse: {
      NamedSparseTensor read = read_sparse_tensor(context, bytes);
      return {std::move(read.name), std::move(read.tensor)};
    }
    case Type::Kind::sequence: return read_typed_sequence(context, bytes, type);
    case Type::Kind::map: return read_map(context, bytes);
    case Type::Kind::optional: return read_optional(context, bytes);
    default: {
      NamedTensor read = read_tensor(context, bytes);
      return {std::move(read.name), std::move(read.tensor)};
    }
  }
}

}  // namespace
}  // namespace onnx

NamedValue read_value_proto(std::span<const std::byte> bytes, std::shared_ptr<const void> keeper, const Type& type,
                            const ReadOptions& options) {
  const std::string_view message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  Diagnostics first_fault;
  try {
    onnx::ReadContext context(message, std::move(keeper), options, first_fault);
    return onnx::read_content(context, message, type);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_model) throw;
    throw Error(ErrorCode::invalid_data, error.what());
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "the value does not fit into memory");
  }
}

NamedValue read_value_proto_file(const std::string& path, const Type& type, const ReadOptions& options) {
  const auto file = std::make_shared<const MappedFile>(open_file(path));
  return with_place([&] { return read_value_proto(file->data(), file, type, options); }, [&] { return path; });
}

std::string write_value_proto(const Value& value, const std::string& name, const Type& type) {
  const onnx::WireWriter out =
      type.kind == Type::Kind::optional ? onnx::write_optional(value, name) : onnx::write_content(value, name);
  std::string bytes;
  bytes.reserve(out.size());
  out.emit([&](std::string_view piece) { bytes += piece; });
  return bytes;
}

}  // namespace kiln
