#include "runtime/arena.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.hpp"

namespace kiln {
namespace {

std::vector<ArenaBlock> random_blocks(Philox& random, uint64_t most_bytes) {
  std::vector<ArenaBlock> blocks(1 + random.below(60));
  for (ArenaBlock& block : blocks) {
    block.bytes = static_cast<int64_t>(random.below(most_bytes));
    block.first = static_cast<int>(random.below(40));
    block.last = block.first + static_cast<int>(random.below(random.below(4) == 0 ? 40 : 4));
  }
  return blocks;
}

/// The bytes that the arenas for random blocks take, of those that they need at least.
double share_used(uint64_t most_bytes) {
  Philox random(5, 0);
  double used = 0, least = 0;
  for (int round = 0; round < 500; ++round) {
    const std::vector<ArenaBlock> blocks = random_blocks(random, most_bytes);
    const ArenaPlan plan = plan_arena(blocks);
    EXPECT_EQ(plan.offsets.size(), blocks.size());
    for (size_t i = 0; i < blocks.size(); ++i) {
      EXPECT_EQ(plan.offsets[i] % 64, 0);
      EXPECT_GE(plan.offsets[i], 0);
      EXPECT_LE(plan.offsets[i] + blocks[i].bytes, plan.bytes);
      for (size_t j = 0; j < i; ++j) {
        const bool together = blocks[i].first <= blocks[j].last && blocks[j].first <= blocks[i].last;
        const bool apart = plan.offsets[i] + blocks[i].bytes <= plan.offsets[j] ||
                           plan.offsets[j] + blocks[j].bytes <= plan.offsets[i];
        EXPECT_TRUE(!together || apart) << "blocks " << i << " and " << j << " of round " << round;
      }
    }
    EXPECT_GE(plan.bytes, plan.lower_bound);
    used += static_cast<double>(plan.bytes), least += static_cast<double>(plan.lower_bound);
  }
  return used / least;
}

TEST(Arena, BlocksNeededTogetherNeverOverlap) { EXPECT_LT(share_used(5000), 1.15); }

TEST(Arena, LargeOnesAreFull) { EXPECT_LT(share_used(uint64_t{8} << 20), 1.007); }

TEST(Arena, TheLowerBoundIsTheLargestSum) {
  const ArenaPlan plan = plan_arena({{64, 0, 1}, {128, 1, 2}, {64, 2, 2}, {640, 4, 4}});
  EXPECT_EQ(plan.lower_bound, 640);
  EXPECT_EQ(plan.bytes, 640);
  EXPECT_EQ(plan_arena({{100, 0, 3}, {100, 3, 4}}).bytes, 256);
  EXPECT_EQ(plan_arena({}).bytes, 0);
}

}  // namespace
}  // namespace kiln
