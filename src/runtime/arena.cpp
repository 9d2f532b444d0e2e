#include "runtime/arena.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.hpp"

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

/// Puts blocks into memory, one after the other.
class Placer {
 public:
  explicit Placer(std::vector<ArenaBlock> blocks) : blocks_(std::move(blocks)) {
    for (ArenaBlock& block : blocks_) block.bytes = rounded(block.bytes);
  }

  /// Each block of `order` goes into the smallest gap that takes it; what they take together.
  int64_t place(const std::vector<size_t>& order, std::vector<int64_t>& offsets) {
    int64_t all = 0;
    offsets.resize(blocks_.size());
    placed_.clear();
    for (const size_t index : order) {
      const int64_t bytes = blocks_[index].bytes;
      int64_t end = 0, best = -1, best_gap = 0;
      for (const size_t other : placed_) {
        if (!overlap(blocks_[index], blocks_[other])) continue;
        const int64_t gap = offsets[other] - end;
        if (gap >= bytes && (best < 0 || gap < best_gap)) best = end, best_gap = gap;
        end = std::max(end, offsets[other] + blocks_[other].bytes);
      }
      offsets[index] = best < 0 ? end : best;
      all = std::max(all, offsets[index] + bytes);
      const auto is_below = [&](size_t a, size_t b) { return offsets[a] < offsets[b]; };
      placed_.insert(std::upper_bound(placed_.begin(), placed_.end(), index, is_below), index);
    }
    return all;
  }
  int64_t end_of(size_t index, const std::vector<int64_t>& offsets) const {
    return offsets[index] + blocks_[index].bytes;
  }

 private:
  std::vector<ArenaBlock> blocks_;
  std::vector<size_t> placed_;  ///< by offset
};

/// Changes an order step by step until what is placed by it ends at `enough`: mostly so that a block at the top comes
/// earlier. At first what makes it worse is taken too, then less and less.
std::vector<size_t> improved(std::vector<size_t> order, Placer& placer, int64_t enough) {
  constexpr int tries = 100;
  constexpr double first_warmth = 0.08, top = 0.02;  // of what the blocks take
  constexpr size_t at_random = 10;                   // one change in so many
  Philox random(1);
  const auto pick = [&](size_t count) { return static_cast<size_t>(random.below(count)); };
  std::vector<int64_t> offsets, next_offsets;
  int64_t bytes = placer.place(order, offsets), least = bytes;
  std::vector<size_t> best = order, next, at_top;
  for (int i = 0; i < tries && least > enough; ++i) {
    size_t from = pick(order.size()), to = pick(order.size());
    if (pick(at_random) != 0) {
      at_top.clear();
      const int64_t high = bytes - static_cast<int64_t>(top * static_cast<double>(bytes));
      for (size_t k = 0; k < order.size(); ++k) {
        if (placer.end_of(order[k], offsets) >= high) at_top.push_back(k);
      }
      from = at_top[pick(at_top.size())], to = pick(from + 1);
    }
    next = order;
    if (pick(2) == 0) {
      std::swap(next[from], next[to]);
    } else {
      next.erase(next.begin() + static_cast<std::ptrdiff_t>(from));
      next.insert(next.begin() + static_cast<std::ptrdiff_t>(to), order[from]);
    }
    const int64_t found = placer.place(next, next_offsets);
    const double warmth = first_warmth * static_cast<double>(least) * (1 - static_cast<double>(i) / tries);
    if (static_cast<double>(bytes - found) <= warmth * std::log(random.uniform())) continue;
    bytes = found;
    order.swap(next), offsets.swap(next_offsets);
    if (bytes < least) least = bytes, best = order;
  }
  return best;
}

}  // namespace

ArenaPlan plan_arena(const std::vector<ArenaBlock>& blocks) {
  constexpr int64_t worth_trying = int64_t{1} << 20;  // bytes that another order may save
  constexpr int64_t small_part = 64;                  // of the whole: a block finds a place last of all
  ArenaPlan plan;
  const std::vector<int64_t> live = live_bytes(blocks);
  plan.lower_bound = *std::max_element(live.begin(), live.end());
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].bytes > blocks[b].bytes; });
  Placer placer(blocks);
  plan.bytes = placer.place(order, plan.offsets);
  if (plan.bytes - plan.lower_bound < worth_trying) return plan;
  const auto is_large = [&](size_t i) { return blocks[i].bytes > plan.lower_bound / small_part; };
  const auto small = std::find_if_not(order.begin(), order.end(), is_large);
  std::vector<size_t> better = improved({order.begin(), small}, placer, plan.lower_bound + plan.lower_bound / 128);
  better.insert(better.end(), small, order.end());
  std::vector<int64_t> offsets;
  if (const int64_t bytes = placer.place(better, offsets); bytes < plan.bytes) {
    plan.bytes = bytes;
    plan.offsets = std::move(offsets);
  }
  return plan;
}

}  // namespace kiln
