#include "runtime/runtime_knobs.hpp"

#include <array>

#include "base/error.hpp"

namespace kiln {

KnobList runtime_knobs() {
  static const std::array<KnobBase*, 12> list{&verify_shapes, &max_tensor_bytes,   &max_run_bytes,  &max_memory,
                                              &max_plans,     &max_plan_bytes,     &idle_memory_ms, &max_run_ms,
                                              &turn_us,       &max_expanded_nodes, &bands_knob,     &onednn_knob};
  return list;
}

bool is_within_tensor_limit(DType dtype, const Shape& shape) {
  auto bytes = static_cast<int64_t>(std::max<size_t>(1, dtype_size(dtype)));
  bool overflow = false;
  for (int64_t dim : shape) {
    if (dim == 0) return true;
    overflow = overflow || __builtin_mul_overflow(bytes, dim, &bytes);
  }
  return !overflow && bytes <= max_tensor_bytes.get();
}

void check_tensor_limit(DType dtype, const Shape& shape) {
  if (is_within_tensor_limit(dtype, shape)) return;
  fail(ErrorCode::limit_exceeded, "a tensor of {} {} is larger than {} bytes (knob max_tensor_bytes)",
       dtype_name(dtype), to_string(shape), max_tensor_bytes.get());
}

}  // namespace kiln
