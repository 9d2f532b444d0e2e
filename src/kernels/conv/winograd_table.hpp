#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// The steps of one size on one instruction set; see winograd_impl.hpp.
struct WinogradTable {
  /// (size + 2)^2 pixels at `in` to as many planes, one register each.
  using Input = void (*)(const float* in, int64_t in_row, float* to, int64_t plane);
  struct OutputArgs {
    const float* from;
    int64_t plane;
    const float* bias;
    const float* residual;  ///< laid out like out; null for none
    float* out;
    int64_t out_row;
    float low, high;
    int64_t height, width;  ///< of what is written, at most size x size
    // Of two-tap outputs only:
    int64_t out_pixel;  ///< floats from one to the next
    int64_t top, left;  ///< the first row and column that are written, to where `out` points
  };
  using Output = void (*)(const OutputArgs&);

  Input input[3];  ///< [size / 2 - 1]
  Output output[3];
  Output two_tap_output[2];  ///< of size + 1 pixels, for kernels of 2 x 2: [size / 2 - 1]
};
const WinogradTable& winograd_table(Isa isa);

}  // namespace kiln
