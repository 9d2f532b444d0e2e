#pragma once

#include <string>

#include "kernels/conv/conv_problem.hpp"
#include "kernels/tile/tile_walk.hpp"

namespace kiln {

/// conv_f32_first: from plain NCHW, with few channels, to a blocked tensor. Each band of input lines is copied with
/// its pads into scratch, then walked as tiles whose groups are a kernel's row.
class FirstConv {
 public:
  /// Fails with Error(unsupported) for groups.
  /// `plane`: floats from an input channel to the next; 0 where they lie together.
  FirstConv(const ConvProblem& problem, const BlockedLayout& out, Isa isa, const TileTuning& tuning, int64_t plane = 0);

  static TileTuning default_tuning(const ConvProblem& problem, Isa isa);
  std::string name() const;
  int64_t packed_floats() const { return walk_.packed_floats(); }
  /// Weights as ONNX has them [out][in][h][w]; the bias may be null.
  void pack(const float* weights, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return parts * problem_.channels_in * band_rows_ * row_; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ConvPointers& p, float* scratch) const;

 private:
  void copy_band(const float* image, int64_t line0, int64_t lines, float* to) const;
  FetchAhead share_of_rows(const float* image, int64_t line0, int64_t line1, int64_t share, int64_t shares) const;

  ConvProblem problem_;
  BlockedLayout out_;
  int64_t plane_;
  int64_t band_rows_;  ///< input rows of a band
  int64_t row_;        ///< floats of a padded row
  TileWalk walk_;
};

}  // namespace kiln
