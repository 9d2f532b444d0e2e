#include "vision/detect/overlap_blocks.hpp"

namespace kiln::vision {

bool overlaps_any_avx2(const float* blocks, size_t count, const float* box, float most) {
  return overlaps_any_in_blocks(blocks, count, box, most);
}

}  // namespace kiln::vision
