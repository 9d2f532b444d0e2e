#pragma once

#include <string>
#include <vector>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/tile/tile_walk.hpp"

namespace kiln {

/// conv_f32_direct: any kernel, stride, dilation and group between blocked tensors, as tiles. Parts of the output leave
/// out taps that lie in the padding where that saves much (tap_zones.hpp), whatever their weights; else the input's
/// halo must cover the pads. Errors against exact sums are those of f32 summation in a fixed order.
class DirectConv {
 public:
  /// Fails with Error(unsupported) where the layouts do not allow it.
  DirectConv(const ConvProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
             const TileTuning& tuning);

  static TileTuning default_tuning(const ConvProblem& problem, Isa isa);
  /// The pixels around the input that it reads.
  static Halo halo(const ConvProblem& problem);
  std::string name() const;
  int64_t packed_floats() const { return walk_.packed_floats(); }
  /// Weights as ONNX has them [out][in / group][h][w]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  ConvProblem problem_;
  ConvGroups groups_;
  BlockedLayout out_;
  TileWalk walk_;
};

/// conv_f32_transposed: a transposed convolution, as one convolution for each place of an output pixel modulo the
/// strides. The input's halo must cover what the kernel reaches past the border.
class TransposedConv {
 public:
  TransposedConv(const ConvProblem& problem, const BlockedLayout& in, const BlockedLayout& out, Isa isa,
                 const TileTuning& tuning);

  std::string name() const;
  int64_t packed_floats() const;
  /// Weights as ONNX has them [in][out / group][h][w]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  /// The output pixels (y0 + i stride_h, x0 + j stride_w).
  struct Residue {
    int64_t y0, x0;
    std::vector<int64_t> taps_h, taps_w;  ///< the kernel's rows and columns that reach them
    TileWalk walk;
    int64_t packed_at, out_at;
  };

  Isa isa_;
  ConvProblem problem_;
  ConvGroups groups_;
  BlockedLayout out_;
  std::vector<Residue> residues_;
};

}  // namespace kiln
