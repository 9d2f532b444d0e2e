#include "formats/onnx/bit_packing.hpp"

#include "base/error.hpp"

namespace kiln::onnx {

bool is_packed(DType dtype) { return dtype_bits(dtype) > 0 && dtype_bits(dtype) < 8; }

size_t stored_bytes(DType dtype, int64_t count) {
  size_t bits = 0;
  if (__builtin_mul_overflow(static_cast<size_t>(count), dtype_bits(dtype), &bits) || bits > SIZE_MAX - 7) {
    fail(ErrorCode::limit_exceeded, "{} elements of {} are more than any file holds", count, dtype_onnx_name(dtype));
  }
  return (bits + 7) / 8;
}

void unpack(DType dtype, const uint8_t* packed, int64_t count, uint8_t* out) {
  const auto bits = static_cast<unsigned>(dtype_bits(dtype));
  const unsigned mask = (1u << bits) - 1;
  const unsigned sign = is_signed_int(dtype) ? 1u << (bits - 1) : 0;
  unsigned window = 0, held = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (held < bits) {
      window |= static_cast<unsigned>(*packed++) << held;
      held += 8;
    }
    const unsigned code = window & mask;
    out[i] = static_cast<uint8_t>((code ^ sign) - sign);
    window >>= bits;
    held -= bits;
  }
}

std::string pack(const Tensor& tensor) {
  const auto bits = static_cast<unsigned>(dtype_bits(tensor.dtype()));
  const unsigned mask = (1u << bits) - 1;
  std::string packed;
  packed.reserve(stored_bytes(tensor.dtype(), tensor.size()));
  const auto* from = static_cast<const uint8_t*>(tensor.raw());
  unsigned window = 0, held = 0;
  for (int64_t i = 0; i < tensor.size(); ++i) {
    window |= (from[i] & mask) << held;
    held += bits;
    if (held >= 8) {
      packed += static_cast<char>(window & 0xff);
      window >>= 8;
      held -= 8;
    }
  }
  if (held > 0) packed += static_cast<char>(window);
  return packed;
}

}  // namespace kiln::onnx
