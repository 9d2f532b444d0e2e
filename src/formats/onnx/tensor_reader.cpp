#include "formats/onnx/tensor_reader.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "base/error.hpp"
#include "formats/onnx/bit_packing.hpp"
#include "formats/onnx/fields.hpp"
#include "formats/onnx/type_reader.hpp"

namespace kiln::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are used as the file has them");

/// Below this a copy, which is aligned, costs less than what it saves.
constexpr size_t smallest_borrowed = 64;

/// The fields that hold elements, each with how many it has.
struct TypedField {
  uint32_t number;
  std::string_view name;
  int64_t count = 0;
};

struct Scan {
  NamedTensor named;
  Shape dims;
  int32_t data_type = 0;
  bool is_external = false;
  std::optional<std::string_view> raw;
  std::array<TypedField, 6> typed{{
      {field::tensor::float_data, "float_data"},
      {field::tensor::int32_data, "int32_data"},
      {field::tensor::string_data, "string_data"},
      {field::tensor::int64_data, "int64_data"},
      {field::tensor::double_data, "double_data"},
      {field::tensor::uint64_data, "uint64_data"},
  }};
  std::string_view fixed_run;  ///< the elements of float_data or double_data where they stand in one run

  TypedField& field(uint32_t number) {
    for (TypedField& each : typed) {
      if (each.number == number) return each;
    }
    fail(ErrorCode::internal, "field {} of a tensor holds no elements", number);
  }
};

template <class T>
void count_fixed(WireReader& in, Scan& scan) {
  TypedField& field = scan.field(in.field());
  if (!in.is_bytes()) {
    in.fixed<T>([&](T) { ++field.count; });
    scan.fixed_run = {};
    return;
  }
  const std::string_view run = in.bytes();
  if (run.size() % sizeof(T) != 0) {
    throw WireError(run.data(), fmt::format("{} bytes of {} are no whole number of elements", run.size(), field.name));
  }
  scan.fixed_run = field.count == 0 ? run : std::string_view();
  field.count += static_cast<int64_t>(run.size() / sizeof(T));
}

void count_varints(WireReader& in, TypedField& field) {
  if (!in.is_bytes()) {
    in.varint();
    ++field.count;
    return;
  }
  for (const char byte : in.bytes()) field.count += static_cast<signed char>(byte) >= 0;
}

void read_dims(ReadContext& context, WireReader& in, Shape& dims) {
  in.varints([&](uint64_t dim) {
    if (static_cast<int64_t>(dims.size()) <= context.limits().rank) dims.push_back(static_cast<int64_t>(dim));
  });
}

/// Everything but the elements, which are only counted.
Scan scan_tensor(ReadContext& context, std::string_view message) {
  Scan scan;
  for (WireReader in(message); in.next();) {
    switch (in.field()) {
      case field::tensor::dims: read_dims(context, in, scan.dims); break;
      case field::tensor::data_type: scan.data_type = in.int32(); break;
      case field::tensor::segment:
        context.error("tensor-segment", "a tensor stored in segments is not supported");
        in.skip();
        break;
      case field::tensor::float_data: count_fixed<float>(in, scan); break;
      case field::tensor::double_data: count_fixed<double>(in, scan); break;
      case field::tensor::int32_data:
      case field::tensor::int64_data:
      case field::tensor::uint64_data: count_varints(in, scan.field(in.field())); break;
      case field::tensor::string_data:
        in.bytes();
        ++scan.field(field::tensor::string_data).count;
        break;
      case field::tensor::name: scan.named.name = context.text(in, "the name of a tensor"); break;
      case field::tensor::doc: scan.named.doc = context.text(in, "the text about a tensor"); break;
      case field::tensor::raw_data: scan.raw = in.bytes(); break;
      case field::tensor::external_data: scan.named.external.push_back(context.entry(in)); break;
      case field::tensor::data_location: scan.is_external = in.int32() == 1; break;
      case field::tensor::metadata: scan.named.metadata.push_back(context.entry(in)); break;
      default: in.skip();
    }
  }
  return scan;
}

/// The field in which elements of this type stand where they are not raw.
uint32_t typed_field_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::c64: return field::tensor::float_data;
    case DType::f64:
    case DType::c128: return field::tensor::double_data;
    case DType::i64: return field::tensor::int64_data;
    case DType::u32:
    case DType::u64: return field::tensor::uint64_data;
    case DType::string: return field::tensor::string_data;
    default: return field::tensor::int32_data;
  }
}

/// Entries of the typed field that `count` elements take.
int64_t typed_entries(DType dtype, int64_t count) {
  if (is_complex(dtype)) return count > INT64_MAX / 2 ? INT64_MAX : count * 2;
  if (dtype_bits(dtype) == 4) return count / 2 + count % 2;
  if (dtype_bits(dtype) == 2) return count / 4 + (count % 4 != 0);
  return count;
}

/// The number of elements, or nothing, with the fault reported.
std::optional<int64_t> checked_count(ReadContext& context, const Scan& scan) {
  if (static_cast<int64_t>(scan.dims.size()) > context.limits().rank) {
    context.error("rank-too-large", fmt::format("a tensor has more than {} dims", context.limits().rank),
                  "The knob onnx_max_rank sets this limit.", ErrorCode::limit_exceeded);
    return std::nullopt;
  }
  for (const int64_t dim : scan.dims) {
    if (dim < 0) {
      context.error("negative-dim", fmt::format("a tensor has the shape {}", to_string(scan.dims)));
      return std::nullopt;
    }
  }
  try {
    const int64_t count = element_count(scan.dims);
    const auto limit = static_cast<size_t>(context.limits().tensor_bytes);
    const size_t each = dtype_size(static_cast<DType>(scan.data_type));
    if (each == 0 || static_cast<size_t>(count) <= limit / each) return count;
  } catch (const Error&) {  // The product of the dims overflows, which is too large too.
  }
  context.error(
      "tensor-too-large",
      fmt::format("a tensor of shape {} has more than {} bytes", to_string(scan.dims), context.limits().tensor_bytes),
      "The knob onnx_max_tensor_bytes sets this limit.", ErrorCode::limit_exceeded);
  return std::nullopt;
}

Tensor allocate(ReadContext& context, DType dtype, const Shape& shape, int64_t count) {
  if (!context.book_memory(static_cast<size_t>(count) * dtype_size(dtype))) return {};
  return Tensor(dtype, shape);
}

bool holds_only_bools(std::string_view raw) {
  for (const char byte : raw) {
    if (static_cast<unsigned char>(byte) > 1) return false;
  }
  return true;
}

/// A tensor of bytes that lie in the file or beside it; borrowed wherever a keeper and their form allow it.
Tensor from_bytes(ReadContext& context, DType dtype, const Shape& shape, int64_t count, std::string_view raw,
                  const std::shared_ptr<const void>& keeper) {
  const bool is_bool = dtype == DType::boolean;
  if (keeper && raw.size() >= smallest_borrowed && !is_packed(dtype) && (!is_bool || holds_only_bools(raw))) {
    return Tensor::borrow(dtype, shape, static_cast<const void*>(raw.data()), raw.size(), keeper);
  }
  Tensor tensor = allocate(context, dtype, shape, count);
  if (!tensor.defined() || count == 0) return tensor;
  auto* out = static_cast<uint8_t*>(tensor.mutable_raw());
  if (is_packed(dtype)) {
    unpack(dtype, reinterpret_cast<const uint8_t*>(raw.data()), count, out);
  } else if (is_bool) {
    for (const char byte : raw) *out++ = byte != 0;
  } else {
    std::memcpy(out, raw.data(), raw.size());
  }
  return tensor;
}

template <class T>
void fill_varints(std::string_view message, uint32_t field_number, Tensor& tensor) {
  auto* out = static_cast<T*>(tensor.mutable_raw());
  for (WireReader in(message); in.next();) {
    if (in.field() == field_number)
      in.varints([&](uint64_t value) { *out++ = static_cast<T>(value); });
    else
      in.skip();
  }
}

template <class T>
void fill_fixed(std::string_view message, uint32_t field_number, Tensor& tensor) {
  auto* out = static_cast<T*>(tensor.mutable_raw());
  for (WireReader in(message); in.next();) {
    if (in.field() == field_number)
      in.fixed<T>([&](T value) { *out++ = value; });
    else
      in.skip();
  }
}

/// int32_data of a type of 2 or 4 bits: each entry is one byte of the packed stream.
void fill_packed(std::string_view message, int64_t entries, Tensor& tensor) {
  std::string stream;
  stream.reserve(static_cast<size_t>(entries));
  for (WireReader in(message); in.next();) {
    if (in.field() == field::tensor::int32_data) {
      in.varints([&](uint64_t value) { stream += static_cast<char>(value); });
    } else {
      in.skip();
    }
  }
  unpack(tensor.dtype(), reinterpret_cast<const uint8_t*>(stream.data()), tensor.size(),
         static_cast<uint8_t*>(tensor.mutable_raw()));
}

void fill_strings(ReadContext& context, std::string_view message, Tensor& tensor) {
  auto* out = tensor.mutable_data<std::string>();
  for (WireReader in(message); in.next();) {
    if (in.field() == field::tensor::string_data)
      *out++ = context.bytes(in.bytes(), "an element");
    else
      in.skip();
  }
}

/// Exactly the entries that the tensor needs have been counted before.
void fill(ReadContext& context, std::string_view message, const TypedField& from, Tensor& tensor) {
  switch (from.number) {
    case field::tensor::float_data: return fill_fixed<float>(message, from.number, tensor);
    case field::tensor::double_data: return fill_fixed<double>(message, from.number, tensor);
    case field::tensor::string_data: return fill_strings(context, message, tensor);
    default: break;
  }
  if (tensor.dtype() == DType::boolean) {
    auto* out = static_cast<uint8_t*>(tensor.mutable_raw());
    for (WireReader in(message); in.next();) {
      if (in.field() == from.number)
        in.varints([&](uint64_t value) { *out++ = static_cast<uint32_t>(value) != 0; });
      else
        in.skip();
    }
    return;
  }
  if (dtype_bits(tensor.dtype()) < 6) return fill_packed(message, from.count, tensor);
  switch (dtype_size(tensor.dtype())) {
    case 1: fill_varints<uint8_t>(message, from.number, tensor); break;
    case 2: fill_varints<uint16_t>(message, from.number, tensor); break;
    case 4: fill_varints<uint32_t>(message, from.number, tensor); break;
    default: fill_varints<uint64_t>(message, from.number, tensor); break;
  }
  if (dtype_bits(tensor.dtype()) == 6) {
    auto* bytes = static_cast<uint8_t*>(tensor.mutable_raw());
    for (int64_t i = 0; i < tensor.size(); ++i) bytes[i] &= 0x3f;
  }
}

bool wrong_size(ReadContext& context, const Scan& scan, DType dtype, uint64_t found, uint64_t needed,
                std::string_view unit) {
  if (found == needed) return false;
  context.error("tensor-data-size", fmt::format("{} {} given for a tensor of {} {}, which needs {}", found, unit,
                                                dtype_onnx_name(dtype), to_string(scan.dims), needed));
  return true;
}

Tensor external_elements(ReadContext& context, const Scan& scan, DType dtype, int64_t count) {
  if (dtype == DType::string) {
    context.error("external-data", "strings cannot be kept outside the model");
    return {};
  }
  const auto found = context.external(scan.named.external, stored_bytes(dtype, count));
  if (!found) return {};
  const std::string_view raw(reinterpret_cast<const char*>(found->bytes.data()), found->bytes.size());
  return from_bytes(context, dtype, scan.dims, count, raw, found->keeper);
}

Tensor read_elements(ReadContext& context, std::string_view message, Scan& scan) {
  const DType dtype = read_dtype(context, scan.data_type, true);
  const auto count = dtype == DType::undefined ? std::nullopt : checked_count(context, scan);
  if (!count) return {};

  const uint32_t right_field = typed_field_of(dtype);
  int fields = scan.raw.has_value() || scan.is_external;
  for (const TypedField& typed : scan.typed) {
    if (typed.count == 0) continue;
    ++fields;
    if (typed.number != right_field) {
      context.error("tensor-data-field", fmt::format("elements of {} stand in {} where {} is expected",
                                                     dtype_onnx_name(dtype), typed.name, scan.field(right_field).name));
      return {};
    }
  }
  if (fields > 1 || (scan.raw && scan.is_external && !scan.raw->empty())) {
    context.error("tensor-data-field", "elements stand in more than one field");
    return {};
  }
  if (scan.is_external) return external_elements(context, scan, dtype, *count);
  if (scan.raw) {
    if (dtype == DType::string) {
      context.error("tensor-data-field", "strings stand in raw_data where string_data is expected");
      return {};
    }
    if (wrong_size(context, scan, dtype, scan.raw->size(), stored_bytes(dtype, *count), "bytes")) return {};
    return from_bytes(context, dtype, scan.dims, *count, *scan.raw, context.keeper());
  }
  const TypedField& typed = scan.field(right_field);
  const int64_t needed = typed_entries(dtype, *count);
  if (wrong_size(context, scan, dtype, static_cast<uint64_t>(typed.count), static_cast<uint64_t>(needed),
                 fmt::format("entries of {}", typed.name))) {
    return {};
  }
  if (!scan.fixed_run.empty()) {
    return from_bytes(context, dtype, scan.dims, *count, scan.fixed_run, context.keeper());
  }
  Tensor tensor = allocate(context, dtype, scan.dims, *count);
  if (tensor.defined() && *count > 0) fill(context, message, typed, tensor);
  return tensor;
}

/// What the standard asks of a sparse tensor; `fault` says what is broken.
bool is_valid(const SparseTensor& sparse, std::string& fault) {
  const Shape& indices = sparse.indices.shape();
  const auto rank = static_cast<int64_t>(sparse.shape.size());
  bool positive = rank > 0;
  for (int64_t dim : sparse.shape) positive = positive && dim > 0;
  if (!positive) {
    fault = fmt::format("its shape is {} where one or more positive dims are expected", to_string(sparse.shape));
  } else if (sparse.values.rank() != 1) {
    fault = fmt::format("its values have the shape {} where one dim is expected", to_string(sparse.values.shape()));
  } else if (sparse.indices.dtype() != DType::i64) {
    fault = fmt::format("its indices are {} where int64 is expected", dtype_onnx_name(sparse.indices.dtype()));
  } else if (indices.empty() || indices.size() > 2 || indices[0] != sparse.values.size() ||
             (indices.size() == 2 && indices[1] != rank)) {
    fault = fmt::format("its indices have the shape {} for {} values and {} dims", to_string(indices),
                        sparse.values.size(), rank);
  }
  if (!fault.empty()) return false;
  const Tensor aligned = sparse.indices.is_aligned() ? sparse.indices : sparse.indices.clone();
  const auto at = aligned.elements<int64_t>();
  const int64_t total = element_count(sparse.shape);
  int64_t last = -1;
  for (int64_t i = 0; i < sparse.values.size(); ++i) {
    int64_t flat = indices.size() == 1 ? at[static_cast<size_t>(i)] : 0;
    bool inside = flat >= 0 && flat < total;
    for (int64_t d = 0; indices.size() == 2 && d < rank; ++d) {
      const int64_t index = at[static_cast<size_t>(i * rank + d)], extent = sparse.shape[static_cast<size_t>(d)];
      inside = inside && index >= 0 && index < extent;
      if (inside) flat = flat * extent + index;
    }
    if (!inside || flat <= last) {
      fault = fmt::format("index #{} is {}", i, inside ? "not above the one before it" : "outside the shape");
      return false;
    }
    last = flat;
  }
  return true;
}

}  // namespace

NamedTensor read_tensor(ReadContext& context, std::string_view message) {
  NamedTensor result;
  context.message(Part::tensor, message, [&](std::string_view bytes) {
    Scan scan = scan_tensor(context, bytes);
    result = std::move(scan.named);
    scan.named.external = result.external;
    result.tensor = read_elements(context, bytes, scan);
  });
  return result;
}

NamedSparseTensor read_sparse_tensor(ReadContext& context, std::string_view message) {
  NamedSparseTensor result;
  context.message(Part::plain, message, [&](std::string_view bytes) {
    for (WireReader in(bytes); in.next();) {
      switch (in.field()) {
        case field::sparse::values: {
          NamedTensor values = read_tensor(context, in.bytes());
          result.name = std::move(values.name);
          result.tensor.values = std::move(values.tensor);
          break;
        }
        case field::sparse::indices: result.tensor.indices = read_tensor(context, in.bytes()).tensor; break;
        case field::sparse::dims: read_dims(context, in, result.tensor.shape); break;
        default: in.skip();
      }
    }
    std::string fault;
    Scan dims;
    dims.dims = result.tensor.shape;
    if (!checked_count(context, dims)) return;
    if (result.tensor.values.defined() && result.tensor.values.size() == 0 && !result.tensor.indices.defined()) {
      result.tensor.indices = Tensor(DType::i64, Shape{0});
    }
    if (!result.tensor.values.defined() || !result.tensor.indices.defined()) {
      fault = "it lacks its values or its indices";
    } else {
      is_valid(result.tensor, fault);
    }
    if (!fault.empty()) context.error("sparse-tensor", fmt::format("sparse tensor '{}': {}", result.name, fault));
  });
  return result;
}

}  // namespace kiln::onnx
