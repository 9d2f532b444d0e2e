#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"
#include "ops/support/ordering.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText topk_versions[] = {
    {1, "X:T -> Values:T Indices:I", "axis:int=-1 k!:int", "T=real I=i64"},
    {10, "X:T K:i64 -> Values:T Indices:I", "axis:int=-1", "T=real I=i64"},
    {11, "X:T K:i64 -> Values:T Indices:I", "axis:int=-1 largest:int=1 sorted:int=1", "T=numeric I=i64"},
    {24, "X:T K:i64 -> Values:T Indices:I", "axis:int=-1 largest:int=1 sorted:int=1", "T=numeric,bf16 I=i64"},
};

void check_count(const NodeView& node, int64_t k, std::optional<int64_t> extent) {
  const int64_t least = node.version() == 1 ? 1 : 0;
  if (k < least || (extent && k > *extent)) {
    fail(ErrorCode::invalid_argument, "k is {}, expected {} to the number of elements of the axis{}", k, least,
         extent ? " (" + std::to_string(*extent) + ")" : "");
  }
}

void infer_topk(InferContext& c) {
  Dim k;
  if (c.version() == 1) {
    k = c.attr_int("k");
  } else if (c.shape(1) &&
             (c.shape(1)->size() != 1 || (c.shape(1)->front().is_known() && c.shape(1)->front() != Dim(1)))) {
    fail(ErrorCode::invalid_argument, "K must be a list of one number, found shape {}", to_string(*c.shape(1)));
  } else if (const auto elements = c.dims(1); elements && elements->size() == 1) {
    k = elements->front();
  }
  std::optional<SymShape> shape;
  if (c.shape(0)) {
    shape = *c.shape(0);
    Dim& dim = (*shape)[static_cast<size_t>(normalize_axis(c.attr_int("axis"), static_cast<int64_t>(shape->size())))];
    if (k.is_known()) check_count(c, k.value(), dim.is_known() ? std::optional(dim.value()) : std::nullopt);
    dim = k;
  }
  c.set_output(0, c.dtype(0), shape);
  c.set_output(1, DType::i64, shape);
}

/// The best k of a line, best first; of equal elements the one that comes first. NaN is above all numbers.
template <class T>
void best_of_line(const T* line, int64_t extent, int64_t step, int64_t k, bool largest, std::vector<int64_t>& order) {
  order.resize(static_cast<size_t>(extent));
  std::iota(order.begin(), order.end(), 0);
  const auto better = [&](int64_t a, int64_t b) {
    stop_point();
    const T &x = line[a * step], &y = line[b * step];
    if (largest ? sorts_before(y, x) : sorts_before(x, y)) return true;
    if (largest ? sorts_before(x, y) : sorts_before(y, x)) return false;
    return a < b;
  };
  std::partial_sort(order.begin(), order.begin() + k, order.end(), better);
}

template <class T>
void best_of_all(EvalContext& c, const Tensor& input, const AxisView& view, int64_t k, Tensor& values,
                 Tensor& indices) {
  const bool largest = c.attr_int("largest", 1) != 0;
  const T* from = input.data<T>();
  T* value = values.mutable_data<T>();
  int64_t* index = indices.mutable_data<int64_t>();
  c.parallel_for(view.outer * view.inner, 1 + 8192 / (view.extent + 1), [&](int64_t begin, int64_t end) {
    std::vector<int64_t> order;
    for (int64_t line = begin; line < end; ++line) {
      const int64_t outer = line / view.inner, inner = line % view.inner;
      const T* first = from + outer * view.extent * view.inner + inner;
      best_of_line(first, view.extent, view.inner, k, largest, order);
      for (int64_t i = 0; i < k; ++i) {
        const int64_t at = (outer * k + i) * view.inner + inner, place = order[static_cast<size_t>(i)];
        value[at] = first[place * view.inner];
        index[at] = place;
      }
    }
  });
}

void eval_topk(EvalContext& c) {
  const Tensor& input = c.input(0);
  const int64_t k = c.version() == 1 ? c.attr_int("k") : c.input_int(1);
  const int64_t axis = normalize_axis(c.attr_int("axis"), input.rank());
  check_count(c, k, input.dim(axis));
  Shape shape = input.shape();
  shape[static_cast<size_t>(axis)] = k;
  Tensor& values = c.output(0, input.dtype(), shape);
  Tensor& indices = c.output(1, DType::i64, shape);
  if (values.size() == 0) return;
  const AxisView view(input.shape(), axis);
  dispatch(NumericTypes{}, input.dtype(), [&]<class T> { best_of_all<T>(c, input, view, k, values, indices); });
}

}  // namespace

extern const OpDef topk_op{"", "TopK", topk_versions, infer_topk, eval_topk};

}  // namespace kiln::ops
