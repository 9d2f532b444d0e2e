#include "formats/npy/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "base/atomic_write.hpp"
#include "base/error.hpp"
#include "base/mapped_file.hpp"
#include "base/utf8.hpp"
#include "formats/npy/npy_header.hpp"
#include "formats/npy/zip.hpp"
#include "tensor/dispatch.hpp"

namespace kiln {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are written as they lie in memory");

/// How one element lies in the file.
struct ElementFormat {
  DType dtype = DType::undefined;
  uint64_t size = 0;  // bytes of one element
  size_t swap = 1;    // bytes of the unit whose byte order is to be reversed; 1 for none
  bool unicode = false;
};

struct PlainType {
  char kind;
  uint64_t size;
  DType dtype;
};
constexpr std::array<PlainType, 15> plain_types = {{
    {'b', 1, DType::boolean},
    {'?', 0, DType::boolean},
    {'i', 1, DType::i8},
    {'i', 2, DType::i16},
    {'i', 4, DType::i32},
    {'i', 8, DType::i64},
    {'u', 1, DType::u8},
    {'u', 2, DType::u16},
    {'u', 4, DType::u32},
    {'u', 8, DType::u64},
    {'f', 1, DType::f8e5m2},  // as ml_dtypes names that one, and no other
    {'f', 2, DType::f16},
    {'f', 4, DType::f32},
    {'f', 8, DType::f64},
    {'c', 8, DType::c64},
}};

struct NamedType {
  std::string_view name;
  DType dtype;
};
constexpr std::array<NamedType, 13> ml_types = {{
    {"bfloat16", DType::bf16},
    {"float8_e4m3fn", DType::f8e4m3fn},
    {"float8_e4m3fnuz", DType::f8e4m3fnuz},
    {"float8_e5m2", DType::f8e5m2},
    {"float8_e5m2fnuz", DType::f8e5m2fnuz},
    {"float8_e8m0fnu", DType::f8e8m0},
    {"float6_e2m3fn", DType::f6e2m3},
    {"float6_e3m2fn", DType::f6e3m2},
    {"float4_e2m1fn", DType::f4e2m1},
    {"int4", DType::i4},
    {"uint4", DType::u4},
    {"int2", DType::i2},
    {"uint2", DType::u2},
}};

DType opaque_type(std::string_view descr, uint64_t size, DType wanted) {
  if (wanted == DType::undefined && size == 2) {
    return DType::bf16;
  }
  if (wanted == DType::undefined) {
    fail(ErrorCode::unsupported,
         "the .npy file says only '{}' of its elements, which NumPy writes for every type that it does not know: the "
         "element type must be given",
         descr);
  }
  if (wanted == DType::string || dtype_size(wanted) != size) {
    fail(ErrorCode::invalid_data, "the .npy file has elements '{}' of {} bytes, which cannot be {}", descr, size,
         dtype_name(wanted));
  }
  return wanted;
}

ElementFormat parse_descr(const std::string& descr, DType opaque) {
  for (const NamedType& type : ml_types) {
    if (descr == type.name) {
      return {type.dtype, dtype_size(type.dtype)};
    }
  }
  std::string_view rest = descr;
  bool big_endian = false;
  if (!rest.empty() && std::string_view("<>|=").find(rest.front()) != std::string_view::npos) {
    big_endian = rest.front() == '>';
    rest.remove_prefix(1);
  }
  const char kind = rest.empty() ? '\0' : rest.front();
  uint64_t size = 0;
  for (const char c : rest.substr(rest.empty() ? 0 : 1)) {
    if (c < '0' || c > '9' || size > std::numeric_limits<uint32_t>::max()) {
      fail(ErrorCode::unsupported, "the .npy file has elements of type '{}', which no tensor has", descr);
    }
    size = size * 10 + static_cast<uint64_t>(c - '0');
  }
  if (kind == 'U') {
    return {DType::string, size * 4, big_endian ? size_t{4} : 1, true};
  }
  if (kind == 'S' || kind == 'a') {
    return {DType::string, size};
  }
  if (kind == 'V') {
    const DType dtype = opaque_type(descr, size, opaque);
    return {dtype, size, big_endian ? size : 1};
  }
  for (const PlainType& type : plain_types) {
    if (kind == type.kind && size == type.size) {
      const size_t unit = type.dtype == DType::c64 ? 4 : dtype_size(type.dtype);
      return {type.dtype, dtype_size(type.dtype), big_endian ? unit : 1};
    }
  }
  if (kind == 'c' && size == 16) {
    return {DType::c128, 16, big_endian ? size_t{8} : 1};
  }
  fail(ErrorCode::unsupported, "the .npy file has elements of type '{}', which no tensor has{}", descr,
       kind == 'O' ? " (Python objects; save strings with .astype('U'))" : "");
}

/// Calls visit(i, j) for each element: the i-th in C order is the j-th in the file.
template <class Visit>
void for_each_element(const Shape& shape, int64_t count, bool fortran_order, const Visit& visit) {
  if (!fortran_order || shape.size() < 2) {
    for (int64_t i = 0; i < count; ++i) visit(i, i);
    return;
  }
  Shape strides(shape.size(), 1);
  for (size_t axis = 1; count > 0 && axis < shape.size(); ++axis) strides[axis] = strides[axis - 1] * shape[axis - 1];
  Shape index(shape.size(), 0);
  int64_t source = 0;
  for (int64_t i = 0; i < count; ++i) {
    visit(i, source);
    for (size_t axis = shape.size(); axis-- > 0;) {
      source += strides[axis];
      if (++index[axis] < shape[axis]) break;
      source -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

template <size_t unit>
void reverse_units(std::span<std::byte> bytes) {
  for (size_t i = 0; i + unit <= bytes.size(); i += unit) {
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(i), bytes.begin() + static_cast<ptrdiff_t>(i + unit));
  }
}

void reverse_units(std::span<std::byte> bytes, size_t unit) {
  switch (unit) {
    case 2: return reverse_units<2>(bytes);
    case 4: return reverse_units<4>(bytes);
    case 8: return reverse_units<8>(bytes);
    default: return;
  }
}

bool has_spare_patterns(DType dtype) { return dtype == DType::boolean || dtype_bits(dtype) < 8; }

/// What a tensor holds for a byte of a type that does not use all patterns: a bool is 0 or 1, and of a narrow type
/// only the low bits count, with the sign spread over the rest.
std::byte to_canonical(DType dtype, std::byte byte) {
  if (dtype == DType::boolean) {
    return std::byte{byte != std::byte{0}};
  }
  const size_t bits = dtype_bits(dtype);
  const auto low = static_cast<uint8_t>(static_cast<uint8_t>(byte) << (8 - bits));
  return is_signed_int(dtype) ? static_cast<std::byte>(static_cast<int8_t>(low) >> (8 - bits))
                              : static_cast<std::byte>(low >> (8 - bits));
}

std::string read_string(std::span<const std::byte> bytes, const ElementFormat& format) {
  std::string out;
  if (!format.unicode) {
    out.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    out.resize(out.find_last_not_of('\0') + 1);
    return out;
  }
  const auto code_point = [&](size_t i) {
    std::array<std::byte, 4> unit;
    std::memcpy(unit.data(), &bytes[i * 4], 4);
    if (format.swap == 4) std::reverse(unit.begin(), unit.end());
    return static_cast<char32_t>(std::bit_cast<uint32_t>(unit));
  };
  size_t length = bytes.size() / 4;
  while (length > 0 && code_point(length - 1) == 0) --length;
  for (size_t i = 0; i < length; ++i) {
    const char32_t c = code_point(i);
    if (!is_code_point(c)) {
      fail(ErrorCode::invalid_data, "the .npy file has a string with {:#x}, which is no Unicode character",
           static_cast<uint32_t>(c));
    }
    append_utf8(out, c);
  }
  return out;
}

Tensor read_strings(std::span<const std::byte> data, const NpyHeader& header, const ElementFormat& format) {
  Tensor tensor(DType::string, header.shape);
  auto* out = tensor.mutable_data<std::string>();
  for_each_element(header.shape, tensor.size(), header.fortran_order, [&](int64_t to, int64_t from) {
    out[to] = read_string(data.subspan(static_cast<uint64_t>(from) * format.size, format.size), format);
  });
  return tensor;
}

Tensor read_plain(std::span<const std::byte> data, const NpyHeader& header, const ElementFormat& format) {
  Tensor tensor(format.dtype, header.shape);
  auto* out = static_cast<std::byte*>(tensor.mutable_raw());
  if (!header.fortran_order || header.shape.size() < 2) {
    if (!data.empty()) std::memcpy(out, data.data(), data.size());
  } else {
    dispatch_by_size(format.dtype, [&]<class Unit> {
      if constexpr (!std::is_same_v<Unit, std::string>) {
        for_each_element(header.shape, tensor.size(), true, [&](int64_t to, int64_t from) {
          std::memcpy(out + to * int64_t{sizeof(Unit)}, data.data() + from * int64_t{sizeof(Unit)}, sizeof(Unit));
        });
      }
    });
  }
  reverse_units({out, data.size()}, format.swap);
  if (has_spare_patterns(format.dtype)) {
    std::transform(out, out + data.size(), out, [&](std::byte byte) { return to_canonical(format.dtype, byte); });
  }
  return tensor;
}

bool can_borrow(std::span<const std::byte> data, const NpyHeader& header, const ElementFormat& format) {
  const bool canonical = !has_spare_patterns(format.dtype) || std::all_of(data.begin(), data.end(), [&](std::byte b) {
    return to_canonical(format.dtype, b) == b;
  });
  return canonical && format.swap == 1 && (!header.fortran_order || header.shape.size() < 2);
}

struct EncodedArray {
  std::string header;
  std::span<const std::byte> data;
  std::vector<std::byte> own;  // what `data` refers to, where it is not the tensor's memory
};

std::string numpy_descr(DType dtype) {
  for (const PlainType& type : plain_types) {
    if (type.dtype == dtype && type.size > 0 && dtype != DType::f8e5m2) {
      return (type.size == 1 ? "|" : "<") + std::string(1, type.kind) + std::to_string(type.size);
    }
  }
  return dtype == DType::c128 ? "<c16" : "<V" + std::to_string(dtype_size(dtype));
}

EncodedArray encode_strings(const Tensor& tensor) {
  const auto strings = tensor.elements<std::string>();
  bool unicode = true;
  size_t longest_text = 1;
  size_t longest_bytes = 1;
  for (const std::string& text : strings) {
    const auto code_points = decode_utf8(text);
    unicode = unicode && code_points;
    longest_text = std::max(longest_text, code_points ? code_points->size() : 0);
    longest_bytes = std::max(longest_bytes, text.size());
  }
  const size_t element_size = unicode ? longest_text * 4 : longest_bytes;
  size_t total = 0;
  if (__builtin_mul_overflow(strings.size(), element_size, &total) || total > size_t{1} << 32) {
    fail(ErrorCode::limit_exceeded,
         "a .npy file pads all strings to the longest: {} strings of {} bytes are more than 4 GiB", strings.size(),
         element_size);
  }
  EncodedArray array;
  array.own.resize(total);
  std::byte* out = array.own.data();
  for (const std::string& text : strings) {
    if (unicode) {
      const std::u32string code_points = *decode_utf8(text);
      std::memcpy(out, code_points.data(), code_points.size() * 4);
    } else {
      std::memcpy(out, text.data(), text.size());
    }
    out += element_size;
  }
  const std::string descr = unicode ? "<U" + std::to_string(longest_text) : "|S" + std::to_string(longest_bytes);
  array.header = format_npy_header(descr, tensor.shape());
  array.data = array.own;
  return array;
}

EncodedArray encode(const Tensor& tensor) {
  if (!tensor.defined()) {
    fail(ErrorCode::invalid_argument, "a tensor without elements or type cannot be written to a .npy file");
  }
  if (tensor.dtype() == DType::string) {
    return encode_strings(tensor);
  }
  EncodedArray array;
  array.header = format_npy_header(numpy_descr(tensor.dtype()), tensor.shape());
  array.data = {static_cast<const std::byte*>(tensor.raw()), tensor.bytes()};
  if (const size_t bits = dtype_bits(tensor.dtype()); bits < 8) {
    array.own.assign(array.data.begin(), array.data.end());
    for (std::byte& byte : array.own) byte &= static_cast<std::byte>((1u << bits) - 1);
    array.data = array.own;
  }
  return array;
}

}  // namespace

Tensor read_npy(std::span<const std::byte> file, const ArrayReadOptions& options) {
  const NpyHeader header = parse_npy_header(file);
  const ElementFormat format = parse_descr(header.descr, options.opaque);
  const int64_t count = element_count(header.shape);
  const std::span<const std::byte> rest = file.subspan(header.data_offset);
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<uint64_t>(count), format.size, &bytes) || bytes > rest.size()) {
    fail(ErrorCode::invalid_data,
         "the .npy file is cut off: shape {} of '{}' needs more than the {} bytes after the header",
         to_string(header.shape), header.descr, rest.size());
  }
  const uint64_t limit = std::max<uint64_t>(options.max_bytes, file.size());
  uint64_t memory = 0;
  // Elements of no bytes ('U0') take memory all the same.
  if (__builtin_mul_overflow(static_cast<uint64_t>(count), dtype_size(format.dtype), &memory) || memory > limit) {
    fail(ErrorCode::limit_exceeded, "the .npy file's shape {} of {} is larger than the limit of {} bytes (knob {})",
         to_string(header.shape), dtype_name(format.dtype), limit, max_array_bytes.name());
  }
  const std::span<const std::byte> data = rest.first(bytes);
  if (format.dtype == DType::string) {
    return read_strings(data, header, format);
  }
  if (options.keeper && can_borrow(data, header, format)) {
    Tensor tensor =
        Tensor::borrow(format.dtype, header.shape, static_cast<const void*>(data.data()), bytes, options.keeper);
    if (tensor.is_aligned()) return tensor;
  }
  return read_plain(data, header, format);
}

void write_npy(const Tensor& tensor, const ByteSink& sink) {
  const EncodedArray array = encode(tensor);
  sink(std::as_bytes(std::span(array.header)));
  sink(array.data);
}

std::vector<NamedTensor> read_npz(std::span<const std::byte> file, const ArrayReadOptions& options) {
  constexpr std::string_view suffix = ".npy";
  std::vector<NamedTensor> tensors;
  ArrayReadOptions rest = options;
  rest.max_bytes = std::max<uint64_t>(options.max_bytes, file.size());
  for (const ZipEntry& entry : list_zip(file)) {
    if (!std::string_view(entry.name).ends_with(suffix)) {
      continue;
    }
    const std::string name = entry.name.substr(0, entry.name.size() - suffix.size());
    tensors.push_back(with_place(
        [&] {
          if (entry.size > rest.max_bytes) {
            fail(ErrorCode::limit_exceeded, "{} bytes are more than what is left of the limit of {} bytes (knob {})",
                 entry.size, std::max<uint64_t>(options.max_bytes, file.size()), max_array_bytes.name());
          }
          const ZipContent content = read_zip_entry(entry);
          rest.keeper = content.owner ? content.owner : options.keeper;
          NamedTensor named{name, read_npy(content.bytes, rest)};
          rest.max_bytes -= std::min<uint64_t>(rest.max_bytes, std::max<uint64_t>(entry.size, named.tensor.bytes()));
          return named;
        },
        [&] { return "array '" + name + "'"; }));
  }
  return tensors;
}

void write_npz(std::span<const NamedTensor> tensors, const ByteSink& sink, bool compress) {
  ZipWriter writer(sink);
  for (const NamedTensor& named : tensors) {
    const EncodedArray array = encode(named.tensor);
    const std::array<std::span<const std::byte>, 2> parts = {std::as_bytes(std::span(array.header)), array.data};
    writer.add(named.name + ".npy", parts, compress);
  }
  writer.finish();
}

namespace {

template <class Read>
auto load(const std::string& path, DType opaque, const Read& read_file) {
  const auto file = std::make_shared<const MappedFile>(open_file(path));
  return with_place([&] { return read_file(file->data(), ArrayReadOptions{.opaque = opaque, .keeper = file}); },
                    [&] { return path; });
}

}  // namespace

KnobList npy_knobs() {
  static KnobBase* const knobs[] = {&max_array_bytes};
  return knobs;
}

Tensor load_npy(const std::string& path, DType opaque) { return load(path, opaque, read_npy); }

std::vector<NamedTensor> load_npz(const std::string& path, DType opaque) { return load(path, opaque, read_npz); }

void save_npy(const std::string& path, const Tensor& tensor) {
  write_file_atomically(
      path, [&](FileWriter& out) { write_npy(tensor, [&](std::span<const std::byte> bytes) { out.write(bytes); }); });
}

void save_npz(const std::string& path, std::span<const NamedTensor> tensors, bool compress) {
  write_file_atomically(path, [&](FileWriter& out) {
    write_npz(
        tensors, [&](std::span<const std::byte> bytes) { out.write(bytes); }, compress);
  });
}

}  // namespace kiln
