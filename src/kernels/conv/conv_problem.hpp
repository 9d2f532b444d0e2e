#pragma once

#include <cstdint>
#include <vector>

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

/// Which channels belong together, and what blocks of output channels make of it: a block may have channels of several
/// groups, and then reads the inputs of all of these, with weights of zero between different groups.
struct ConvGroups {
  ConvGroups(const ConvProblem& problem, int64_t block);

  int64_t in, out;  ///< channels of a group
  int64_t block;
  int64_t wall;   ///< blocks of output channels after which blocks and groups begin together again
  int64_t alike;  ///< blocks of output channels that read the same, one after the other
  /// The input channel, counted within its group, that feeds output channel `to` from input channel `from`; -1 if they
  /// are in different groups.
  int64_t within(int64_t to, int64_t from) const { return to / out == from / in ? from % in : -1; }

  /// Input channels that lie together in a block.
  struct Run {
    int64_t first, count;
  };
  /// What `count` output channels from `first` on read: whole blocks first, then equally long parts of others, which
  /// may have a few channels more.
  std::vector<Run> runs(int64_t first, int64_t count) const;
  /// Products that each output pixel takes, those by weights of zero included, where each block is made by itself.
  int64_t products() const;

 private:
  int64_t channels_out_;
};

/// Fails unless the numbers make sense: sizes of at least 1, divisible groups, outputs of at least 1.
void check_conv(const ConvProblem& problem, bool transposed);
/// Fails unless `layout` has these dims and the instruction set's block.
void check_conv_layout(const BlockedLayout& layout, int64_t n, int64_t c, int64_t h, int64_t w, Isa isa,
                       const char* what);
/// Fails unless reading from `first` to `last` (in pixels of a side of `size`) stays within the halo.
void check_reach(int64_t first, int64_t last, int64_t size, int64_t halo, const char* side);

}  // namespace kiln
