#pragma once

#include <string>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/tile/tile_walk.hpp"

namespace kiln {

/// conv_f32_transposed_narrow: a transposed convolution whose kernel is as large as its strides, so that no two input
/// pixels reach the same output, from a blocked tensor to plain NCHW. All taps of all channels are one product for
/// each input pixel, which makes it right for few output channels: none of their blocks' padding is computed.
class NarrowTransposedConv {
 public:
  /// Fails with Error(unsupported) for other kernels and for pads, dilations, groups and residuals.
  NarrowTransposedConv(const ConvProblem& problem, const BlockedLayout& in, Isa isa);

  std::string name() const;
  int64_t packed_floats() const { return walk_.packed_floats(); }
  /// Weights as ONNX has them [in][out][h][w]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return parts * (sums_floats_ + row_floats_); }
  int64_t phases() const { return 1; }
  /// Writes plain NCHW.
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  ConvProblem problem_;
  EpiloguePlan epilogue_;
  const TileTable* tiles_;
  TileWalk walk_;  ///< one input line to [pixel][tap row][output channel][tap column]
  int64_t sums_floats_, row_floats_;
};

}  // namespace kiln
