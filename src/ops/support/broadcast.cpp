#include "ops/support/broadcast.hpp"

#include "base/error.hpp"
#include "ops/support/axes.hpp"

namespace kiln::ops {

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (size_t i = 0; i < result.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    const int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1) {
      fail(ErrorCode::invalid_argument, "shapes {} and {} do not broadcast: {} meets {}", to_string(a), to_string(b), x,
           y);
    }
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

namespace {

/// Whether `small` is what a symbol is cut down to, min(symbol, 512) say, and 1 only where the symbol is 1: wherever
/// the two broadcast they give the symbol.
bool is_cut(const Dim& symbol, const Dim& small) {
  std::vector<std::string> names;
  symbol.collect_symbols(names);
  if (names.size() != 1 || !(symbol == Dim::symbol(names.front())) || !(min(symbol, small) == small)) return false;
  return small.evaluate({{names.front(), 1}}) == 1;
}

/// The dim that two different symbolic dims broadcast to; unknown where both ways are open.
Dim broadcast_symbols(const Dim& a, const Dim& b) {
  if (is_cut(a, b)) return a;
  return is_cut(b, a) ? b : Dim();
}

}  // namespace

SymShape broadcast_shapes(const SymShape& a, const SymShape& b) {
  SymShape result(std::max(a.size(), b.size()), Dim(1));
  for (size_t i = 0; i < result.size(); ++i) {
    const Dim x = i < a.size() ? a[a.size() - 1 - i] : Dim(1);
    const Dim y = i < b.size() ? b[b.size() - 1 - i] : Dim(1);
    Dim& to = result[result.size() - 1 - i];
    if (x == Dim(1)) {
      to = y;
    } else if (y == Dim(1) || x == y) {
      to = x;
    } else if (x.is_known() && y.is_known()) {
      fail(ErrorCode::invalid_argument, "shapes {} and {} do not broadcast: {} meets {}", to_string(a), to_string(b),
           x.str(), y.str());
    } else if (x.is_known() || y.is_known()) {
      to = x.is_known() ? x : y;
    } else {
      to = broadcast_symbols(x, y);
    }
  }
  return result;
}

BroadcastPlan::BroadcastPlan(const Shape& output, const std::vector<Shape>& inputs) : strides_(inputs.size()) {
  size_ = element_count(output);
  for (size_t axis = 0; axis < output.size(); ++axis) {
    if (output[axis] == 1) continue;
    std::vector<int64_t> steps;
    for (const Shape& shape : inputs) {
      const size_t missing = output.size() - shape.size();
      const bool walks = axis >= missing && shape[axis - missing] != 1;
      steps.push_back(walks ? row_major_strides(shape)[axis - missing] : 0);
    }
    bool merges = !extents_.empty();
    for (size_t k = 0; merges && k < inputs.size(); ++k) merges = strides_[k].back() == steps[k] * output[axis];
    if (merges) {
      extents_.back() *= output[axis];
      for (size_t k = 0; k < inputs.size(); ++k) strides_[k].back() = steps[k];
    } else {
      extents_.push_back(output[axis]);
      for (size_t k = 0; k < inputs.size(); ++k) strides_[k].push_back(steps[k]);
    }
  }
  if (extents_.empty()) {
    extents_.push_back(1);
    for (auto& steps : strides_) steps.push_back(0);
  }
}

}  // namespace kiln::ops
