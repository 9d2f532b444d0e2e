#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// The steps of Winograd convolutions on one instruction set; see winograd_impl.hpp.
struct WinogradTable {
  static constexpr int most_size = 6;
  /// The pixels of a tile's input at `in` to as many planes, one register each.
  using Input = void (*)(const float* in, int64_t in_row, float* to, int64_t plane);
  /// Nine taps of a register of output channels, `tap` floats apart, to (size + 2)^2 planes.
  using Weights = void (*)(const float* taps, int64_t tap, float* to, int64_t plane);
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

  /// [stride - 1][output pixels along a side]; null where there is no such kernel.
  Input input[2][most_size + 1];
  Weights weights[2][most_size + 1];
  Output output[2][most_size + 1];
  // For kernels of 2 x 2, whose input is that of one pixel less: four taps to (size + 1)^2 planes.
  Weights two_tap_weights[most_size + 1];
  Output two_tap_output[most_size + 1];
};
const WinogradTable& winograd_table(Isa isa);

}  // namespace kiln
