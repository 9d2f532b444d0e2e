#include "ops/support/join.hpp"

#include "base/error.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

void check_part(const Tensor& first, const Tensor& part, size_t index, int64_t axis) {
  bool fits = part.rank() == first.rank();
  for (int64_t i = 0; fits && i < first.rank(); ++i) fits = i == axis || part.dim(i) == first.dim(i);
  if (!fits) {
    fail(ErrorCode::invalid_argument, "part {} of shape {} does not fit the first of shape {} along axis {}", index,
         to_string(part.shape()), to_string(first.shape()), axis);
  }
  if (part.dtype() != first.dtype()) {
    fail(ErrorCode::invalid_argument, "part {} is of type {}, the first of {}", index, dtype_name(part.dtype()),
         dtype_name(first.dtype()));
  }
}

}  // namespace

void join_parts(EvalContext& context, const std::vector<Tensor>& parts, int64_t axis) {
  const Tensor& first = parts.front();
  Shape shape = first.shape();
  int64_t& length = shape[static_cast<size_t>(axis)];
  for (size_t i = 1; i < parts.size(); ++i) {
    check_part(first, parts[i], i, axis);
    length += parts[i].dim(axis);
  }
  Tensor& output = context.output(0, first.dtype(), shape);
  if (output.size() == 0) return;
  const AxisView whole(shape, axis);
  int64_t at = 0;
  for (const Tensor& part : parts) {
    const int64_t run = part.dim(axis) * whole.inner;
    for (int64_t row = 0; row < whole.outer; ++row) {
      copy_elements(output, row * whole.extent * whole.inner + at, part, row * run, run);
    }
    at += run;
  }
}

}  // namespace kiln::ops
