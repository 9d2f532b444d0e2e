#include "runtime/arena.hpp"

#include <algorithm>
#include <numeric>

namespace kiln {
namespace {

constexpr int64_t alignment = 64;

int64_t rounded(int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

bool overlap(const ArenaBlock& a, const ArenaBlock& b) { return a.first <= b.last && b.first <= a.last; }

int64_t lower_bound_of(const std::vector<ArenaBlock>& blocks) {
  int steps = 0;
  for (const ArenaBlock& block : blocks) steps = std::max(steps, block.last + 1);
  std::vector<int64_t> change(static_cast<size_t>(steps) + 1, 0);
  for (const ArenaBlock& block : blocks) {
    change[static_cast<size_t>(block.first)] += rounded(block.bytes);
    change[static_cast<size_t>(block.last) + 1] -= rounded(block.bytes);
  }
  int64_t live = 0, most = 0;
  for (int64_t by : change) most = std::max(most, live += by);
  return most;
}

}  // namespace

ArenaPlan plan_arena(const std::vector<ArenaBlock>& blocks) {
  ArenaPlan plan;
  plan.offsets.assign(blocks.size(), 0);
  plan.lower_bound = lower_bound_of(blocks);
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  std::vector<size_t> placed;  // by offset
  for (size_t index : order) {
    const int64_t bytes = rounded(blocks[index].bytes);
    int64_t end = 0, best = -1, best_gap = 0;
    for (size_t other : placed) {
      if (!overlap(blocks[index], blocks[other])) continue;
      const int64_t gap = plan.offsets[other] - end;
      if (gap >= bytes && (best < 0 || gap < best_gap)) best = end, best_gap = gap;
      end = std::max(end, plan.offsets[other] + rounded(blocks[other].bytes));
    }
    plan.offsets[index] = best < 0 ? end : best;
    plan.bytes = std::max(plan.bytes, plan.offsets[index] + bytes);
    const auto at = std::upper_bound(placed.begin(), placed.end(), index,
                                     [&](size_t a, size_t b) { return plan.offsets[a] < plan.offsets[b]; });
    placed.insert(at, index);
  }
  return plan;
}

}  // namespace kiln
