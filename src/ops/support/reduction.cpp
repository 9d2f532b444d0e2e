#include "ops/support/reduction.hpp"

#include "ops/support/axes.hpp"

namespace kiln::ops {

Shape reduced_shape(const Shape& shape, const std::vector<bool>& reduced, bool keepdims) {
  Shape result;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (!reduced[axis]) {
      result.push_back(shape[axis]);
    } else if (keepdims) {
      result.push_back(1);
    }
  }
  return result;
}

ReductionPlan::ReductionPlan(const Shape& shape, const std::vector<bool>& reduced) {
  const std::vector<int64_t> strides = row_major_strides(shape);
  bool last_reduced = false, first = true;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    (reduced[axis] ? count_ : outputs_) *= shape[axis];
    if (shape[axis] == 1) continue;
    std::vector<Axis>& axes = reduced[axis] ? gathered_ : kept_;
    if (!first && last_reduced == reduced[axis]) {
      axes.back() = {axes.back().extent * shape[axis], strides[axis]};
    } else {
      axes.push_back({shape[axis], strides[axis]});
    }
    last_reduced = reduced[axis];
    first = false;
  }
}

AxisSplit::AxisSplit(const Shape& shape, int64_t axis) : AxisSplit(shape, axis, axis + 1) {}

AxisSplit::AxisSplit(const Shape& shape, int64_t begin, int64_t end)
    : outer(product(shape, 0, begin)),
      length(product(shape, begin, end)),
      inner(product(shape, end, static_cast<int64_t>(shape.size()))) {}

}  // namespace kiln::ops
