#pragma once

#include <string>
#include <vector>

#include "kernels/layout.hpp"
#include "kernels/resize/resize_table.hpp"
#include "ops/support/resampling.hpp"

namespace kiln {

struct ResizePointers {
  const float* in;
  float* out;
};

/// resize_f32: Resize of height and width between blocked tensors, in all modes.
class Resize {
 public:
  /// Fails with Error(unsupported) where an output pixel lies outside the region that is resized.
  Resize(const ops::Resampling& how, const ops::ResampledAxis& height, const ops::ResampledAxis& width,
         const BlockedLayout& in, const BlockedLayout& out, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t parts) const { return rows_.weights.empty() ? 0 : parts * in_.w * in_.block; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const ResizePointers& p, float* scratch) const;

 private:
  /// What each index of an axis is made of: `taps` each.
  struct Taps {
    int64_t taps = 1;
    std::vector<int64_t> indices;
    std::vector<float> weights;  ///< none where one tap of weight 1 makes each
  };
  static Taps taps_of(const ops::Resampling& how, const ops::ResampledAxis& axis);
  const float* mixed_row(const float* in, int64_t y, float* line) const;

  BlockedLayout in_, out_;
  Isa isa_;
  bool nearest_, doubles_;
  Taps rows_, columns_;
  std::vector<int32_t> column_offsets_;
  const ResizeTable* table_;
};

}  // namespace kiln
