#pragma once

#include <algorithm>
#include <chrono>
#include <list>
#include <vector>

#include "base/large_memory.hpp"
#include "runtime/context.hpp"

namespace kiln {

/// What a context keeps for a body.
struct BodyScratch {
  /// The latest runs of one kind, and their time.
  struct Runs {
    int count = 0;
    std::chrono::steady_clock::duration time{};
    void add(std::chrono::steady_clock::duration took) {
      constexpr int most = 128;
      if (count == most) count /= 2, time /= 2;
      ++count, time += took;
    }
    std::chrono::steady_clock::duration mean() const { return time / std::max(count, 1); }
  };

  RunScratch scratch;
  std::vector<Tensor> known;  ///< of the inputs of the run that is under way: what will not vary
  std::list<Plan> plans;      ///< most recently used first
  LargeMemory arena;
  int64_t arena_bytes = 0;
  Runs planned;  ///< making plans included
  Runs walked;   ///< without a plan, though one could be made
  int64_t misses = 0;

  /// Whether a plan should be made for shapes that none is kept for. Where many were made, a walk without one shows
  /// which takes less. Now and then a plan is made all the same, for shapes may come to stay, and a walk taken that may
  /// take less than it did before.
  bool is_plan_worth_it() {
    constexpr int patience = 16, plan_again = 64, walk_again = 16, far_more = 4;
    if (++misses <= patience || misses % plan_again == 0) return true;
    if (walked.count == 0) return false;
    if (misses % walk_again == 1 && walked.mean() < far_more * planned.mean()) return false;
    return planned.mean() <= walked.mean();
  }
};

/// What is kept for bodies, and for those in them.
struct BodyMemory {
  int64_t arena_bytes = 0, plan_bytes = 0;
  size_t plans = 0;
};
inline BodyMemory memory_of_bodies(const RunScratch& scratch) {
  BodyMemory memory;
  for (const auto& [engine, kept] : scratch.bodies) {
    const BodyMemory inner = memory_of_bodies(kept->scratch);
    memory.arena_bytes += kept->arena_bytes + inner.arena_bytes;
    for (const Plan& plan : kept->plans) memory.plan_bytes += plan.bytes;
    memory.plan_bytes += inner.plan_bytes, memory.plans += kept->plans.size() + inner.plans;
  }
  return memory;
}
/// Gives back what bodies work in; their plans stay.
inline void release_bodies(RunScratch& scratch) {
  for (auto& [engine, kept] : scratch.bodies) {
    kept->arena = LargeMemory(), kept->arena_bytes = 0;
    release_bodies(kept->scratch);
  }
}

}  // namespace kiln
