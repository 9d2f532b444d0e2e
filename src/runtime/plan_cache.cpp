#include "runtime/plan_cache.hpp"

#include <algorithm>

#include "runtime/runtime_knobs.hpp"

namespace kiln {

const Plan* PlanCache::find(std::span<const Value> inputs) {
  for (auto plan = plans_.begin(); plan != plans_.end(); ++plan) {
    if (!fits(*plan, inputs)) continue;
    plans_.splice(plans_.begin(), plans_, plan);
    return &plans_.front();
  }
  return nullptr;
}

const Plan& PlanCache::add(Plan plan) {
  bytes_ += plan.bytes;
  plans_.push_front(std::move(plan));
  keep(max_plan_bytes.get(), static_cast<size_t>(max_plans.get()));
  return plans_.front();
}

void PlanCache::keep(int64_t most_bytes, size_t most_plans) {
  while (plans_.size() > 1 && (bytes_ > most_bytes || plans_.size() > most_plans)) {
    bytes_ -= plans_.back().bytes;
    plans_.pop_back();
  }
}

void PlanCache::clear() {
  plans_.clear();
  bytes_ = 0;
}

int64_t PlanCache::largest_arena() const {
  int64_t most = 0;
  for (const Plan& plan : plans_) most = std::max(most, plan.arena_bytes());
  return most;
}

}  // namespace kiln
