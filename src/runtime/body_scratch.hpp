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

}  // namespace kiln
