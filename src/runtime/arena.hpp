#pragma once

#include <cstdint>
#include <vector>

namespace kiln {

/// A piece of memory that is needed from one step to another, both included.
struct ArenaBlock {
  int64_t bytes = 0;
  int first = 0, last = 0;
};

struct ArenaPlan {
  std::vector<int64_t> offsets;  ///< of each block, multiples of 64
  int64_t bytes = 0;
  int64_t lower_bound = 0;  ///< the largest sum of blocks that are needed at the same time
};

/// Places blocks so that no two that are needed at the same time overlap: the largest first, each into the smallest
/// gap that takes it; where that wastes much, better orders are searched for.
ArenaPlan plan_arena(const std::vector<ArenaBlock>& blocks);

}  // namespace kiln
