#pragma once

#include <cstdint>
#include <string>

#include "ops/support/roi_align.hpp"

namespace kiln {

struct RoiAlignProblem {
  int64_t images = 1, channels = 1, height = 1, width = 1;
  int64_t regions = 1, rows = 1, columns = 1;  ///< of bins in a region
  ops::RoiAlignment how;
};

struct RoiAlignPointers {
  const float* in;
  const float* regions;   ///< four numbers each
  const int64_t* images;  ///< which image each region is of
  float* out;
};

/// roi_align_f32: RoiAlign of plain tensors. What a region's rows and columns weigh is found once for all channels;
/// elements that several samples of a bin lie beside count once, with the weights of all. Where the largest is taken,
/// an element that is not a number is left out, but not the others around its sample.
class RoiAlign {
 public:
  explicit RoiAlign(const RoiAlignProblem& problem);

  /// Whether the weights of the largest region fit into little memory.
  static bool can_do(const RoiAlignProblem& problem);

  std::string name() const;
  int64_t scratch_floats(int64_t parts) const;
  int64_t phases() const { return 1; }
  /// Fails where a region is of no image, or not finite. Call it before a run.
  void check(const float* regions, const int64_t* images) const;
  void run_part(int64_t phase, int64_t part, int64_t parts, const RoiAlignPointers& p, float* scratch) const;

 private:
  RoiAlignProblem problem_;
};

}  // namespace kiln
