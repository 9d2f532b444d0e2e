#pragma once

#include <string>
#include <vector>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/conv/depthwise_table.hpp"
#include "kernels/tile/tile.hpp"

namespace kiln {

/// conv_f32_depthwise: each channel by itself, between blocked tensors. The input's halo must cover the pads.
class DepthwiseConv {
 public:
  /// Fails with Error(unsupported) unless group, input and output channels are the same number.
  /// `rows` is the most pixels of a run; 0 takes as many as there are registers for.
  DepthwiseConv(const ConvProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                int64_t rows = 0);

  /// Whether the mean of each channel can be had beside the outputs of this epilogue.
  static bool can_have_mean(const Epilogue& epilogue);
  /// To be called before anything else: run_part() also writes the means of its outputs' images.
  void add_mean(const BlockedLayout& mean);

  std::string name() const;
  int64_t packed_floats() const { return out_.blocks() * out_.block * (problem_.kernel_h * problem_.kernel_w + 1); }
  /// Weights as ONNX has them [channel][1][h][w]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return has_mean_ ? parts * totals() : 0; }
  int64_t phases() const { return has_mean_ ? 2 : 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  int64_t totals() const { return out_.n * out_.blocks() * out_.block; }
  void run_lines(int64_t block, int64_t begin, int64_t end, const ConvPointers& p, float* totals) const;
  void write_means(int64_t part, int64_t parts, const float* totals, float* mean) const;

  ConvProblem problem_;
  BlockedLayout in_, out_, mean_;
  bool has_mean_ = false;
  Isa isa_;
  EpiloguePlan epilogue_;
  bool pass_;  ///< the activation is done by a pass over each line
  int64_t rows_;
  Share share_;
  std::vector<ptrdiff_t> taps_;
  const DepthwiseFunction* functions_;
};

}  // namespace kiln
