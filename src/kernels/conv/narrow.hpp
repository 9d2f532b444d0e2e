#pragma once

#include <string>
#include <vector>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/conv/narrow_table.hpp"
#include "kernels/tile/tile.hpp"

namespace kiln {

/// conv_f32_narrow: a convolution with at most four output channels, from a blocked tensor to plain NCHW. A vector
/// holds input channels, which are summed at the end, so that none of the output's padding is computed. The input's
/// halo must cover the pads. No groups, no residual.
class NarrowConv {
 public:
  static constexpr int64_t most_outputs = NarrowTable::most_outputs;

  /// Fails with Error(unsupported) for more output channels, groups and residuals, and where the layout does not allow
  /// it.
  NarrowConv(const ConvProblem& problem, const BlockedLayout& in, Isa isa);

  std::string name() const;
  int64_t packed_floats() const { return weight_floats() + most_outputs; }
  /// Weights as ONNX has them [out][in][h][w]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return parts * problem_.channels_out * row_floats_; }
  int64_t phases() const { return 1; }
  /// Writes plain NCHW.
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  int64_t weight_floats() const {
    return static_cast<int64_t>(offsets_.size()) * problem_.channels_out * table_->lanes;
  }
  void finish_row(float* row, float bias, float* out) const;

  ConvProblem problem_;
  BlockedLayout in_;
  Isa isa_;
  EpiloguePlan epilogue_;
  const NarrowTable* table_;
  std::vector<ptrdiff_t> offsets_;  ///< blocks of channels outermost, then rows and columns of taps
  int64_t row_floats_;
};

}  // namespace kiln
