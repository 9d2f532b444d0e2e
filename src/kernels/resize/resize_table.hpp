#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// One row of output pixels, a block of channels each. Taps say where pixels lie in the row that is read, in floats.
struct ResizeTable {
  void (*pick)(const float* in, const int32_t* taps, int64_t pixels, float* out);
  /// Each pixel of the input twice.
  void (*twice)(const float* in, int64_t pixels_in, float* out);
  /// The weighted sum of rows of `count` floats.
  void (*mix_rows)(const float* const* rows, const float* weights, int64_t taps, int64_t count, float* out);
  /// Pixels as weighted sums, `taps` to each.
  void (*mix_pixels)(const float* in, const int32_t* offsets, const float* weights, int64_t taps, int64_t pixels,
                     float* out);
};
const ResizeTable& resize_table(Isa isa);

}  // namespace kiln
