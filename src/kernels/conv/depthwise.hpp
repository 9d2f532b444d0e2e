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
  /// The same for the sums of each row (kernels/pool/row_sums.hpp) in the place of the means.
  void add_row_sums();

  std::string name() const;
  int64_t packed_floats() const { return out_.blocks() * out_.block * (problem_.kernel_h * problem_.kernel_w + 1); }
  /// Weights as ONNX has them [channel][1][h][w]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t) const { return has_mean_ ? all_sums() : 0; }
  int64_t phases() const { return has_mean_ ? 2 : 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  int64_t all_sums() const { return out_.n * out_.h * out_.blocks() * out_.block; }
  void run_lines(int64_t block, int64_t begin, int64_t end, const ConvPointers& p, float* sums) const;
  void write_means(int64_t part, int64_t parts, const float* sums, float* mean) const;

  ConvProblem problem_;
  BlockedLayout in_, out_, mean_;
  bool has_mean_ = false, has_sums_ = false;
  Isa isa_;
  EpiloguePlan epilogue_;
  bool pass_;  ///< the activation is done by a pass over each line
  int64_t rows_;
  Share share_;
  std::vector<ptrdiff_t> taps_;
  const DepthwiseFunction* functions_;
};

}  // namespace kiln
