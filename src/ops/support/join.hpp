#pragma once

#include <vector>

#include "ops/context.hpp"

namespace kiln::ops {

/// Output 0 becomes the parts side by side along an axis; fails, naming the part, where one does not fit.
void join_parts(EvalContext& context, const std::vector<Tensor>& parts, int64_t axis);

}  // namespace kiln::ops
