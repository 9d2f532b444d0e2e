#pragma once

#include <cstdint>

#include "kernels/epilogue.hpp"
#include "kernels/layout.hpp"

namespace kiln {

/// A convolution over images (a 1-D one has a height of 1), or a transposed one.
struct ConvProblem {
  int64_t batch = 1, channels_in = 1, channels_out = 1, group = 1;
  int64_t height = 1, width = 1;  ///< of the input
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  int64_t output_pad_h = 0, output_pad_w = 0;  ///< of a transposed convolution
  Epilogue epilogue;

  int64_t out_height() const { return (height + pad_top + pad_bottom - span_h()) / stride_h + 1; }
  int64_t out_width() const { return (width + pad_left + pad_right - span_w()) / stride_w + 1; }
  int64_t transposed_height() const { return (height - 1) * stride_h + span_h() + output_pad_h - pad_top - pad_bottom; }
  int64_t transposed_width() const { return (width - 1) * stride_w + span_w() + output_pad_w - pad_left - pad_right; }
  int64_t span_h() const { return (kernel_h - 1) * dilation_h + 1; }
  int64_t span_w() const { return (kernel_w - 1) * dilation_w + 1; }
};

/// Where a convolution reads and writes. The residual lies as the output does; null where the epilogue has none.
struct ConvPointers {
  const float* in;
  const float* packed;  ///< what pack() made
  float* out;
  const float* residual = nullptr;
  float* mean = nullptr;  ///< of each channel of out, from a depthwise convolution that makes them
};

/// Groups of channels gathered until each gathering fills whole blocks, on both sides: what a blocked kernel can treat
/// as a group. Weights between different groups of one gathering are zero.
struct GroupGathering {
  GroupGathering(const ConvProblem& problem, int64_t block);

  int64_t sections;                   ///< gatherings
  int64_t channels_in, channels_out;  ///< of one
  int64_t group_in, group_out;        ///< of one of the groups
  /// The input channel within its group that feeds output channel `out` from input channel `in`, both counted within
  /// a gathering; -1 if they are in different groups.
  int64_t within_group(int64_t out, int64_t in) const { return out / group_out == in / group_in ? in % group_in : -1; }
};

/// Fails unless the numbers make sense: sizes of at least 1, divisible groups, outputs of at least 1.
void check_conv(const ConvProblem& problem, bool transposed);
/// Fails unless `layout` has these dims and the instruction set's block.
void check_conv_layout(const BlockedLayout& layout, int64_t n, int64_t c, int64_t h, int64_t w, Isa isa,
                       const char* what);
/// Fails unless reading from `first` to `last` (in pixels of a side of `size`) stays within the halo.
void check_reach(int64_t first, int64_t last, int64_t size, int64_t halo, const char* side);

}  // namespace kiln
