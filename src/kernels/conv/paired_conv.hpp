#pragma once

#include <string>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/paired/paired_walk.hpp"

namespace kiln {

/// conv_f32_paired: a 1 x 1 convolution of any stride between blocked tensors that adds instead of multiplying where it
/// can (PairedWalk), each input pixel being a row.
class PairedConv {
 public:
  /// Fails with Error(unsupported) for any other convolution, and where the layouts do not allow it.
  PairedConv(const ConvProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
             const TileTuning& tuning);

  static bool can_do(const ConvProblem& problem);
  std::string name() const;
  int64_t packed_floats() const { return walk_.packed_floats(); }
  /// Weights as ONNX has them [out][in]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return walk_.scratch_floats(parts); }
  int64_t phases() const { return walk_.phases(); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  BlockedLayout out_;
  PairedWalk walk_;
};

}  // namespace kiln
