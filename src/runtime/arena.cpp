#include "runtime/arena.hpp"

#include <algorithm>
#include <numeric>

namespace kiln {
namespace {

constexpr int64_t alignment = 64;

int64_t rounded(int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

bool overlap(const ArenaBlock& a, const ArenaBlock& b) { return a.first <= b.last && b.first <= a.last; }

/// The bytes that are needed at each step.
std::vector<int64_t> live_bytes(const std::vector<ArenaBlock>& blocks) {
  int steps = 0;
  for (const ArenaBlock& block : blocks) steps = std::max(steps, block.last + 1);
  std::vector<int64_t> live(static_cast<size_t>(steps) + 1, 0);
  for (const ArenaBlock& block : blocks) {
    live[static_cast<size_t>(block.first)] += rounded(block.bytes);
    live[static_cast<size_t>(block.last) + 1] -= rounded(block.bytes);
  }
  std::partial_sum(live.begin(), live.end(), live.begin());
  return live;
}

/// Each block of `order` into the smallest gap that takes it.
ArenaPlan placed_by(const std::vector<ArenaBlock>& blocks, const std::vector<size_t>& order) {
  ArenaPlan plan;
  plan.offsets.assign(blocks.size(), 0);
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

}  // namespace

ArenaPlan plan_arena(const std::vector<ArenaBlock>& blocks) {
  constexpr int64_t worth_trying = int64_t{1} << 20;  // bytes that another order may save
  const std::vector<int64_t> live = live_bytes(blocks);
  const int64_t lower_bound = *std::max_element(live.begin(), live.end());
  const auto area = [&](size_t i) {
    return static_cast<double>(blocks[i].bytes) * (blocks[i].last - blocks[i].first + 1);
  };
  const auto most_beside = [&](size_t i) {
    return *std::max_element(live.begin() + blocks[i].first, live.begin() + blocks[i].last + 1);
  };
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  ArenaPlan best = placed_by(blocks, order);
  ArenaPlan latest;
  if (best.bytes - lower_bound >= worth_trying) {
    latest = best;
    std::vector<size_t> by_area = order;
    std::stable_sort(by_area.begin(), by_area.end(), [&](size_t a, size_t b) { return area(a) > area(b); });
    ArenaPlan plan = placed_by(blocks, by_area);
    if (plan.bytes < best.bytes) best = std::move(plan);
  }
  // Then those before all others that stick out at the top: at first in order of size, then as they come, then those
  // of the fullest steps before others.
  constexpr int most_tries = 12;
  for (int round = 0; round < 3 && best.bytes - lower_bound >= worth_trying; ++round) {
    if (round > 0) {
      std::vector<int64_t> rank;
      for (size_t i = 0; i < blocks.size(); ++i) rank.push_back(round == 1 ? blocks[i].first : -most_beside(i));
      std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank[a] < rank[b]; });
      latest = placed_by(blocks, order);
      if (latest.bytes < best.bytes) best = latest;
    }
    std::vector<bool> is_early(blocks.size(), false);
    for (int i = 0; i < most_tries && best.bytes - lower_bound >= worth_trying; ++i) {
      for (size_t k = 0; k < blocks.size(); ++k) {
        if (latest.offsets[k] + rounded(blocks[k].bytes) == latest.bytes) is_early[k] = true;
      }
      std::stable_partition(order.begin(), order.end(), [&](size_t k) { return is_early[k]; });
      latest = placed_by(blocks, order);
      if (latest.bytes < best.bytes) best = latest;
    }
  }
  best.lower_bound = lower_bound;
  return best;
}

}  // namespace kiln
