#pragma once

#include "ops/context.hpp"

namespace kiln::ops {

/// Output 0 has the type and shape of input 0.
void infer_same_as_first(InferContext& context);
/// Output 0 has input 0's element type and the shape that all inputs broadcast to.
void infer_broadcast(InferContext& context);
/// The same with a given element type (comparisons give booleans).
void infer_broadcast_to(InferContext& context, DType dtype);

/// A dim that must hold in a rule: fails, naming both, where two known dims differ; otherwise the better known one.
Dim merge_dims(const Dim& a, const Dim& b, const char* what);
/// Product of dims [begin, end); unknown as soon as one is.
Dim product(const SymShape& shape, size_t begin, size_t end);
/// The dims as a shape of numbers; nothing when one is not known.
std::optional<Shape> known_shape(const SymShape& shape);
SymShape to_sym(const Shape& shape);

}  // namespace kiln::ops
