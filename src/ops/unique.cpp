#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"
#include "ops/support/ordering.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText unique_versions[] = {
    {11, "X:T -> Y:T indices?:i64 inverse_indices?:i64 counts?:i64", "axis:int sorted:int=1", "T=basic"},
    {28, "X:T -> Y:T indices?:i64 inverse_indices?:i64 counts?:i64", "axis:int sorted:int=1", "T=basic,bf16"},
};

void infer_unique(InferContext& c) {
  const SymShape* input = c.shape(0);
  Dim items;
  if (c.has_attribute("axis")) {
    if (input) {
      const int64_t axis = normalize_axis(c.attr_int("axis"), static_cast<int64_t>(input->size()));
      SymShape shape = *input;
      items = std::exchange(shape[static_cast<size_t>(axis)], Dim());
      c.set_output(0, c.dtype(0), shape);
    } else {
      c.set_output(0, c.dtype(0));
    }
  } else {
    c.set_output(0, c.dtype(0), SymShape(1));
    if (input) items = product(*input, 0, input->size());
  }
  c.set_output(1, DType::i64, SymShape(1));
  c.set_output(2, DType::i64, SymShape{items});
  c.set_output(3, DType::i64, SymShape(1));
}

/// An axis may be long where another has no elements, so that the data's own size is no bound.
constexpr int64_t max_items = int64_t{1} << 30;

/// What there is of each kind: `first` place and number of each kind, the kind of each item. Kinds are numbered in
/// ascending order.
struct Kinds {
  std::vector<int64_t> first, count, of_item;
};

/// Items are the slices along an axis, compared element by element.
template <class T>
Kinds kinds_of(const T* data, const AxisView& view) {
  if (view.extent > max_items) {
    fail(ErrorCode::limit_exceeded, "{} items to compare are more than {}", view.extent, max_items);
  }
  const auto before = [&](int64_t a, int64_t b) {
    stop_point();
    for (int64_t o = 0; o < view.outer; ++o) {
      const T* x = data + (o * view.extent + a) * view.inner;
      const T* y = data + (o * view.extent + b) * view.inner;
      for (int64_t i = 0; i < view.inner; ++i) {
        if (sorts_before(x[i], y[i])) return true;
        if (sorts_before(y[i], x[i])) return false;
      }
    }
    return false;
  };
  std::vector<int64_t> order(static_cast<size_t>(view.extent));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), before);
  Kinds kinds;
  kinds.of_item.resize(order.size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || before(order[i - 1], order[i])) {
      kinds.first.push_back(order[i]);
      kinds.count.push_back(0);
    }
    ++kinds.count.back();
    kinds.of_item[static_cast<size_t>(order[i])] = static_cast<int64_t>(kinds.first.size()) - 1;
  }
  return kinds;
}

/// Numbers the kinds anew, in the order of their first items.
Kinds by_appearance(const Kinds& kinds) {
  std::vector<size_t> order(kinds.first.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    stop_point();
    return kinds.first[a] < kinds.first[b];
  });
  std::vector<int64_t> place(order.size());
  Kinds result;
  for (size_t i = 0; i < order.size(); ++i, stop_point()) {
    place[order[i]] = static_cast<int64_t>(i);
    result.first.push_back(kinds.first[order[i]]);
    result.count.push_back(kinds.count[order[i]]);
  }
  for (int64_t kind : kinds.of_item) result.of_item.push_back(place[static_cast<size_t>(kind)]);
  return result;
}

void eval_unique(EvalContext& c) {
  Tensor input = c.input(0);
  if (!c.has_attribute("axis")) input = input.reshaped({input.size()});
  const int64_t axis = normalize_axis(c.attr_int("axis", 0), input.rank());
  const AxisView view(input.shape(), axis);
  Kinds kinds = dispatch(Join<NumericTypes, ComplexTypes, Types<bool, std::string>>{}, input.dtype(),
                         [&]<class T> { return kinds_of(input.data<T>(), view); });
  if (c.attr_int("sorted") == 0) kinds = by_appearance(kinds);
  Shape shape = input.shape();
  const auto count = static_cast<int64_t>(kinds.first.size());
  shape[static_cast<size_t>(axis)] = count;
  Tensor& output = c.output(0, input.dtype(), shape);
  for (int64_t i = 0; i < (output.size() ? view.outer * count : 0); ++i) {
    const int64_t row = i / count * view.extent + kinds.first[static_cast<size_t>(i % count)];
    copy_elements(output, i * view.inner, input, row * view.inner, view.inner);
  }
  if (c.wants_output(1)) c.set_output(1, Tensor::vector(kinds.first));
  if (c.wants_output(2)) c.set_output(2, Tensor::vector(kinds.of_item));
  if (c.wants_output(3)) c.set_output(3, Tensor::vector(kinds.count));
}

}  // namespace

extern const OpDef unique_op{"", "Unique", unique_versions, infer_unique, eval_unique};

}  // namespace kiln::ops
