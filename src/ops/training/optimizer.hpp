#pragma once

#include <span>

#include "ops/context.hpp"

namespace kiln::ops {

/// The inputs of an optimiser: R, T, then `groups` groups of as many tensors each: X1, X2, ..., G1, G2, ...
/// Fails unless their number fits; gives the number of tensors that are optimised.
size_t optimized_count(size_t inputs, size_t outputs, size_t groups);

/// The outputs have the types of the optimised tensors and of their states (all groups but the gradients).
void infer_optimizer(InferContext& context, size_t groups);

double learning_rate(EvalContext& context);
int64_t update_count(EvalContext& context);

/// Runs `step` on every element of every optimised tensor: it is given the element of each group (X, G, states) and
/// changes X and the states. The results become the outputs.
void update_elements(EvalContext& context, size_t groups, FunctionRef<void(std::span<double> element)> step);

}  // namespace kiln::ops
