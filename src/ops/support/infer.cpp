#include "ops/support/infer.hpp"

#include "base/error.hpp"
#include "ops/support/broadcast.hpp"

namespace kiln::ops {

void infer_same_as_first(InferContext& context) { context.set_output(0, context.type(0)); }

void infer_broadcast_to(InferContext& context, DType dtype) {
  if (!context.shape(0)) return context.set_output(0, dtype);
  SymShape shape = *context.shape(0);
  for (size_t i = 1; i < context.input_count(); ++i) {
    if (!context.shape(i)) return context.set_output(0, dtype);
    shape = broadcast_shapes(shape, *context.shape(i));
  }
  context.set_output(0, dtype, shape);
}

void infer_broadcast(InferContext& context) { infer_broadcast_to(context, context.dtype(0)); }

Dim merge_dims(const Dim& a, const Dim& b, const char* what) {
  if (a.is_known() && b.is_known() && !(a == b)) {
    fail(ErrorCode::invalid_argument, "{}: {} and {} should be equal", what, a.str(), b.str());
  }
  if (a.is_known()) return a;
  return b.is_known() || a.is_unknown() ? b : a;
}

Dim product(const SymShape& shape, size_t begin, size_t end) {
  Dim result(1);
  for (size_t i = begin; i < end; ++i) result = result * shape[i];
  return result;
}

std::optional<Shape> known_shape(const SymShape& shape) {
  Shape numbers;
  for (const Dim& dim : shape) {
    if (!dim.is_known()) return {};
    numbers.push_back(dim.value());
  }
  return numbers;
}

SymShape to_sym(const Shape& shape) { return {shape.begin(), shape.end()}; }

}  // namespace kiln::ops
