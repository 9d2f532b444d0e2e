#pragma once

#include <chrono>
#include <list>
#include <vector>

#include "base/large_memory.hpp"
#include "runtime/context.hpp"

namespace kiln {

/// What a context keeps for a body.
struct BodyScratch {
  RunScratch scratch;
  std::vector<Tensor> known;  ///< of the inputs of the run that is under way: what will not vary
  std::list<Plan> plans;      ///< most recently used first
  LargeMemory arena;
  int64_t arena_bytes = 0;
  /// Since a plan was used again last: plans made, and the time for making and for running them.
  int misses = 0;
  std::chrono::steady_clock::duration making{}, running{};
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
