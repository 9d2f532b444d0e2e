#pragma once

#include <list>
#include <span>

#include "runtime/plan.hpp"

namespace kiln {

/// A context's most recent plans, as many as the knobs max_plans and max_plan_bytes allow, and one at least.
class PlanCache {
 public:
  /// The plan for inputs of these types, from now on the latest; null where there is none.
  const Plan* find(std::span<const Value> inputs);
  /// Takes a plan as the latest, and forgets others for it.
  const Plan& add(Plan plan);
  /// Forgets the oldest plans until the rest takes so many bytes, but never the latest.
  void keep(int64_t most_bytes, size_t most_plans);
  void clear();

  const Plan* latest() const { return plans_.empty() ? nullptr : &plans_.front(); }
  size_t size() const { return plans_.size(); }
  int64_t bytes() const { return bytes_; }
  int64_t largest_arena() const;  ///< of all plans

 private:
  std::list<Plan> plans_;  ///< most recently used first
  int64_t bytes_ = 0;
};

}  // namespace kiln
