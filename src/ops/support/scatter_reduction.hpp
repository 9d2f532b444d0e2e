#pragma once

#include "ops/context.hpp"

namespace kiln::ops {

/// to[i] = f(to[i], from[i]) for `count` elements of the type it was made for.
using Combine = void (*)(void* to, const void* from, int64_t count);

/// What attribute `reduction` of the Scatter family names: none (take what is new), add, mul, max or min. Fails on a
/// name that the version does not know and on a type that has no such operation.
Combine scatter_combine(const NodeView& node, DType dtype);
/// Only the check of the name.
void check_reduction(const NodeView& node);

}  // namespace kiln::ops
