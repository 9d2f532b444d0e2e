#pragma once

#include <span>

#include "base/knobs.hpp"
#include "kiln/tensor.hpp"

namespace kiln {

inline Knob<bool> verify_shapes{"verify_shapes", "KILN_VERIFY_SHAPES", false,
                                "hold every result against the types and shapes that inference gives for it"};
inline Knob<int64_t> max_tensor_bytes{"max_tensor_bytes", "KILN_MAX_TENSOR_BYTES", int64_t{16} << 30,
                                      "largest tensor, in bytes, that a run may make", 1, int64_t{1} << 46};

/// The knobs of this room.
KnobList runtime_knobs();

/// Fails, naming the knob, for a tensor larger than max_tensor_bytes.
void check_tensor_limit(DType dtype, const Shape& shape);

}  // namespace kiln
