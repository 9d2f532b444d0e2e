#pragma once

#include <cstddef>
#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// A run of output pixels of one block of channels.
struct DepthwiseArgs {
  const float* in;        ///< what the first pixel's first tap reads
  int64_t in_row;         ///< from a row of taps to the next
  int64_t in_step;        ///< from pixel to pixel
  const ptrdiff_t* taps;  ///< where each tap reads; for the functions of any kernel
  int64_t tap_count;
  const float* weights;  ///< [tap][lanes]
  const float* bias;
  float* out;
  const float* residual;  ///< laid out like out; null for none
  float low, high;        ///< of the finish `clamp`
  float alpha, beta;      ///< of the activation of other finishes
  float* total;           ///< lanes that what is written is added to; null for none
};
using DepthwiseFunction = void (*)(const DepthwiseArgs&);

/// What the functions do to a sum before it is written, in registers.
enum class DepthwiseFinish : uint8_t { clamp, hard_swish, silu };

struct DepthwiseTable {
  static constexpr int most_rows = 8, finishes = 3;

  int rows;  ///< the most pixels of a run
  /// [finish][(kernel - 3) / 2][stride - 1][pixels], without dilation
  DepthwiseFunction square[finishes][3][2][most_rows + 1];
  DepthwiseFunction any[finishes][most_rows + 1];  ///< [finish][pixels]
};
const DepthwiseTable& depthwise_table(Isa isa);

}  // namespace kiln
