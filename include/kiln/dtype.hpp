#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kiln {

/// Element types, with the numbers of ONNX's TensorProto.DataType.
enum class DType : uint8_t {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  c64 = 14,
  c128 = 15,
  bf16 = 16,
  f8e4m3fn = 17,
  f8e4m3fnuz = 18,
  f8e5m2 = 19,
  f8e5m2fnuz = 20,
  u4 = 21,
  i4 = 22,
  f4e2m1 = 23,
  f8e8m0 = 24,
  u2 = 25,
  i2 = 26,
  f6e2m3 = 27,
  f6e3m2 = 28,
};

inline constexpr int kDTypeCount = 29;

/// "f32", "i64", "string", ...; "undefined" for DType::undefined.
std::string_view dtype_name(DType dtype);
/// ONNX's own name: "float", "int64", "bfloat16", ...
std::string_view dtype_onnx_name(DType dtype);
/// The reverse of both; DType::undefined for a name that is neither.
DType dtype_from_name(std::string_view name);

/// Bytes that one element takes in a Tensor. Types narrower than a byte take a whole byte each (sizeof(std::string)
/// for strings): they are packed in files only.
size_t dtype_size(DType dtype);
/// Bits that one element takes in a file: 4 for i4, 2 for u2; 0 for strings.
size_t dtype_bits(DType dtype);

bool is_float(DType dtype);  ///< every real floating-point type, the 8, 6 and 4 bit ones included
bool is_signed_int(DType dtype);
bool is_unsigned_int(DType dtype);
inline bool is_int(DType dtype) { return is_signed_int(dtype) || is_unsigned_int(dtype); }
inline bool is_complex(DType dtype) { return dtype == DType::c64 || dtype == DType::c128; }

}  // namespace kiln
