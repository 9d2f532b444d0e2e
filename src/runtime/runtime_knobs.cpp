#include "runtime/runtime_knobs.hpp"

#include <array>

#include "base/error.hpp"

namespace kiln {

KnobList runtime_knobs() {
  static const std::array<KnobBase*, 10> list{&verify_shapes,      &max_tensor_bytes, &max_run_bytes,  &max_memory,
                                              &max_plans,          &max_plan_bytes,   &idle_memory_ms, &max_run_ms,
                                              &max_expanded_nodes, &bands_knob};
  return list;
}

void check_tensor_limit(DType dtype, const Shape& shape) {
  const int64_t count = element_count(shape), limit = max_tensor_bytes.get();
  if (count > limit / static_cast<int64_t>(std::max<size_t>(1, dtype_size(dtype)))) {
    fail(ErrorCode::limit_exceeded, "a tensor of {} {} is larger than {} bytes (knob max_tensor_bytes)",
         dtype_name(dtype), to_string(shape), limit);
  }
}

}  // namespace kiln
