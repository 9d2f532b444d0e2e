#include "kernels/gemm/pack.hpp"

#include <algorithm>

#include "kernels/simd/transpose4.hpp"

namespace kiln {

void pack_row(const float* row, int64_t b_column, int64_t columns, int64_t first, int64_t wide, float* to) {
  const int64_t count = std::clamp<int64_t>(columns - first, 0, wide);
  for (int64_t j = 0; j < count; ++j) to[j] = row[(first + j) * b_column];
  std::fill(to + count, to + wide, 0.0f);
}

void pack_columns(const float* b, int64_t b_row, int64_t rows, int64_t columns, int64_t wide, float scale, float* to) {
  const FourFloats factor = {scale, scale, scale, scale};
  for (int64_t i = 0; i < rows; ++i, to += wide, b += b_row) {
    int64_t j = 0;
    for (; j + 4 <= columns; j += 4) store_four(load_four(b + j) * factor, to + j);
    for (; j < columns; ++j) to[j] = b[j] * scale;
    std::fill(to + columns, to + wide, 0.0f);
  }
}

void pack_transposed(const float* b, int64_t b_row, int64_t rows, int64_t columns, int64_t wide, float scale,
                     float* to) {
  const FourFloats factor = {scale, scale, scale, scale};
  for (int64_t i = 0; i < rows; i += 4) {
    const int64_t high = std::min<int64_t>(4, rows - i);
    int64_t j = 0;
    for (; high == 4 && j + 4 <= columns; j += 4) {
      FourFloats x[4];
      for (int64_t q = 0; q < 4; ++q) x[q] = load_four(b + (j + q) * b_row + i) * factor;
      transpose(x);
      for (int64_t q = 0; q < 4; ++q) store_four(x[q], to + (i + q) * wide + j);
    }
    for (int64_t q = 0; q < high; ++q) {
      for (int64_t r = j; r < columns; ++r) to[(i + q) * wide + r] = b[r * b_row + i + q] * scale;
      std::fill(to + (i + q) * wide + columns, to + (i + q) * wide + wide, 0.0f);
    }
  }
}

}  // namespace kiln
