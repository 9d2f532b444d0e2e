#pragma once

#include <array>
#include <vector>

#include "graph/dim.hpp"
#include "kiln/tensor.hpp"

namespace kiln::ops {

/// The shape that both broadcast to, numpy's way; fails, naming both, when they do not.
Shape broadcast_shapes(const Shape& a, const Shape& b);
/// With symbols: an unknown or symbolic dim meeting a number other than 1 becomes that number, two different
/// symbolic dims become unknown.
SymShape broadcast_shapes(const SymShape& a, const SymShape& b);

/// How to walk several inputs that broadcast to one output shape: axes that all walk alike are merged into one.
class BroadcastPlan {
 public:
  BroadcastPlan(const Shape& output, const std::vector<Shape>& inputs);

  int64_t size() const { return size_; }
  size_t input_count() const { return strides_.size(); }

  /// Calls row(output_offset, input_offsets, count, input_steps) for each run of elements along the innermost merged
  /// axis that covers output elements [begin, end).
  template <class Row>
  void for_rows(int64_t begin, int64_t end, Row&& row) const;

 private:
  int64_t size_ = 1;
  std::vector<int64_t> extents_;               ///< merged axes, outermost first; never empty
  std::vector<std::vector<int64_t>> strides_;  ///< of each input along each merged axis, 0 where it repeats
};

template <class Row>
void BroadcastPlan::for_rows(int64_t begin, int64_t end, Row&& row) const {
  const size_t axes = extents_.size(), inputs = strides_.size();
  std::vector<int64_t> index(axes, 0), offsets(inputs, 0), steps(inputs);
  for (size_t k = 0; k < inputs; ++k) steps[k] = strides_[k][axes - 1];
  int64_t rest = begin;
  for (size_t axis = axes; axis-- > 0;) {
    index[axis] = extents_[axis] ? rest % extents_[axis] : 0;
    rest = extents_[axis] ? rest / extents_[axis] : 0;
    for (size_t k = 0; k < inputs; ++k) offsets[k] += index[axis] * strides_[k][axis];
  }
  for (int64_t position = begin; position < end;) {
    const int64_t count = std::min(end - position, extents_[axes - 1] - index[axes - 1]);
    row(position, offsets.data(), count, steps.data());
    position += count;
    index[axes - 1] += count;
    for (size_t k = 0; k < inputs; ++k) offsets[k] += count * steps[k];
    for (size_t axis = axes - 1; axis > 0 && index[axis] == extents_[axis]; --axis) {
      for (size_t k = 0; k < inputs; ++k) offsets[k] += strides_[k][axis - 1] - index[axis] * strides_[k][axis];
      index[axis] = 0;
      ++index[axis - 1];
    }
  }
}

/// out[i] = f(a[i], b[i]) with broadcasting, over output elements [begin, end).
template <class A, class B, class Out, class F>
void broadcast_binary(const BroadcastPlan& plan, const A* a, const B* b, Out* out, int64_t begin, int64_t end, F&& f) {
  plan.for_rows(begin, end, [&](int64_t at, const int64_t* offsets, int64_t count, const int64_t* steps) {
    const A* x = a + offsets[0];
    const B* y = b + offsets[1];
    Out* to = out + at;
    const int64_t dx = steps[0], dy = steps[1];
    if (dx == 1 && dy == 1) {
      for (int64_t i = 0; i < count; ++i) to[i] = f(x[i], y[i]);
    } else {
      for (int64_t i = 0; i < count; ++i) to[i] = f(x[i * dx], y[i * dy]);
    }
  });
}

}  // namespace kiln::ops
