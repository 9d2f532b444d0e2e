#pragma once

#include <vector>

#include "kiln/tensor.hpp"

namespace kiln::ops {

/// The shape that is left when the axes marked in `reduced` are gathered: 1 there, or nothing without `keepdims`.
Shape reduced_shape(const Shape& shape, const std::vector<bool>& reduced, bool keepdims);

/// Which input elements each output of a reduction gathers. Neighbouring axes of one kind are merged.
class ReductionPlan {
 public:
  ReductionPlan(const Shape& shape, const std::vector<bool>& reduced);

  int64_t outputs() const { return outputs_; }
  int64_t count() const { return count_; }  ///< elements gathered by each output

  /// Calls row(offset, count, step) for runs of input elements that together are all that output `index` gathers.
  template <class Row>
  void for_rows(int64_t index, Row&& row) const;

 private:
  struct Axis {
    int64_t extent, stride;
  };
  std::vector<Axis> kept_, gathered_;  ///< outermost first
  int64_t outputs_ = 1, count_ = 1;
};

/// A shape seen from one axis: element (o, k, i) lies at (o * length + k) * inner + i.
struct AxisSplit {
  AxisSplit(const Shape& shape, int64_t axis);
  /// Axes [begin, end) together as the one axis.
  AxisSplit(const Shape& shape, int64_t begin, int64_t end);

  int64_t outer, length, inner;
  int64_t lanes() const { return outer * inner; }
  /// The offset of the first element of a lane; its others follow in steps of `inner`.
  int64_t lane_start(int64_t lane) const { return lane / inner * length * inner + lane % inner; }
};

template <class Row>
void ReductionPlan::for_rows(int64_t index, Row&& row) const {
  if (count_ == 0) return;
  int64_t offset = 0;
  for (size_t axis = kept_.size(); axis-- > 0;) {
    offset += index % kept_[axis].extent * kept_[axis].stride;
    index /= kept_[axis].extent;
  }
  if (gathered_.empty()) return row(offset, int64_t{1}, int64_t{1});
  const auto [count, step] = gathered_.back();
  if (gathered_.size() == 1) return row(offset, count, step);
  std::vector<int64_t> at(gathered_.size() - 1, 0);
  for (int64_t runs = count_ / count; runs-- > 0;) {
    row(offset, count, step);
    for (size_t axis = at.size(); axis-- > 0;) {
      offset += gathered_[axis].stride;
      if (++at[axis] < gathered_[axis].extent) break;
      offset -= at[axis] * gathered_[axis].stride;
      at[axis] = 0;
    }
  }
}

}  // namespace kiln::ops
