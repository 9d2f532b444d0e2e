#pragma once

#include <cstddef>
#include <vector>

#include "base/isa.hpp"
#include "kiln/vision/detector.hpp"
#include "vision/detect/overlap_blocks.hpp"

namespace kiln::vision {

/// Boxes in blocks of eight: eight left sides, eight tops, eight right sides, eight bottoms and eight areas. Places
/// that are free in the last block hold a box that overlaps nothing.
class BoxBlocks {
 public:
  static constexpr size_t lanes = 8, block = box_block;

  void add(const Detection& box);
  const float* data() const { return values_.data(); }
  size_t blocks() const { return values_.size() / block; }

 private:
  std::vector<float> values_;
  size_t count_ = 0;
};

/// Whether a box (left, top, right, bottom) overlaps one of them more than `most`: the area of both by that of either.
using OverlapsAny = bool (*)(const float* blocks, size_t count, const float* box, float most);
OverlapsAny overlaps_any(Isa isa);

}  // namespace kiln::vision
