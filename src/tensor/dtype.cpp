#include "kiln/dtype.hpp"

#include <array>
#include <string>

namespace kiln {
namespace {

struct Row {
  std::string_view name;
  std::string_view onnx_name;
  uint8_t size;
  uint8_t bits;
  enum Family : uint8_t { other, floating, signed_int, unsigned_int } family;
};

constexpr std::array<Row, kDTypeCount> rows{{
    {"undefined", "undefined", 0, 0, Row::other},
    {"f32", "float", 4, 32, Row::floating},
    {"u8", "uint8", 1, 8, Row::unsigned_int},
    {"i8", "int8", 1, 8, Row::signed_int},
    {"u16", "uint16", 2, 16, Row::unsigned_int},
    {"i16", "int16", 2, 16, Row::signed_int},
    {"i32", "int32", 4, 32, Row::signed_int},
    {"i64", "int64", 8, 64, Row::signed_int},
    {"string", "string", sizeof(std::string), 0, Row::other},
    {"bool", "bool", 1, 8, Row::other},
    {"f16", "float16", 2, 16, Row::floating},
    {"f64", "double", 8, 64, Row::floating},
    {"u32", "uint32", 4, 32, Row::unsigned_int},
    {"u64", "uint64", 8, 64, Row::unsigned_int},
    {"c64", "complex64", 8, 64, Row::other},
    {"c128", "complex128", 16, 128, Row::other},
    {"bf16", "bfloat16", 2, 16, Row::floating},
    {"f8e4m3fn", "float8e4m3fn", 1, 8, Row::floating},
    {"f8e4m3fnuz", "float8e4m3fnuz", 1, 8, Row::floating},
    {"f8e5m2", "float8e5m2", 1, 8, Row::floating},
    {"f8e5m2fnuz", "float8e5m2fnuz", 1, 8, Row::floating},
    {"u4", "uint4", 1, 4, Row::unsigned_int},
    {"i4", "int4", 1, 4, Row::signed_int},
    {"f4e2m1", "float4e2m1", 1, 4, Row::floating},
    {"f8e8m0", "float8e8m0", 1, 8, Row::floating},
    {"u2", "uint2", 1, 2, Row::unsigned_int},
    {"i2", "int2", 1, 2, Row::signed_int},
    {"f6e2m3", "float6e2m3", 1, 6, Row::floating},
    {"f6e3m2", "float6e3m2", 1, 6, Row::floating},
}};

const Row& row(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  return index < rows.size() ? rows[index] : rows[0];
}

}  // namespace

std::string_view dtype_name(DType dtype) { return row(dtype).name; }
std::string_view dtype_onnx_name(DType dtype) { return row(dtype).onnx_name; }

DType dtype_from_name(std::string_view name) {
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].name == name || rows[i].onnx_name == name) return static_cast<DType>(i);
  }
  return DType::undefined;
}

size_t dtype_size(DType dtype) { return row(dtype).size; }
size_t dtype_bits(DType dtype) { return row(dtype).bits; }
bool is_float(DType dtype) { return row(dtype).family == Row::floating; }
bool is_signed_int(DType dtype) { return row(dtype).family == Row::signed_int; }
bool is_unsigned_int(DType dtype) { return row(dtype).family == Row::unsigned_int; }

}  // namespace kiln
