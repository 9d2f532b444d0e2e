#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/reduction.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText arg_max_versions[] = {
    {1, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1", "T=numeric"},
    {11, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1", "T=numeric"},
    {12, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1 select_last_index:int=0", "T=numeric"},
    {13, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1 select_last_index:int=0", "T=numeric,bf16"},
};

constexpr SchemaText arg_min_versions[] = {
    {1, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1", "T=numeric"},
    {11, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1", "T=numeric"},
    {12, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1 select_last_index:int=0", "T=numeric"},
    {13, "data:T -> reduced:i64", "axis:int=0 keepdims:int=1 select_last_index:int=0", "T=numeric,bf16"},
};

/// A scalar is its own only element when the node names no axis.
bool is_plain_scalar(const NodeView& node, size_t rank) { return rank == 0 && !node.has_attribute("axis"); }

void infer_arg_reduce(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, DType::i64);
  if (is_plain_scalar(c, shape->size())) return c.set_output(0, DType::i64, SymShape());
  const auto axis = static_cast<size_t>(normalize_axis(c.attr_int("axis"), static_cast<int64_t>(shape->size())));
  SymShape result;
  for (size_t i = 0; i < shape->size(); ++i) {
    if (i != axis) {
      result.push_back((*shape)[i]);
    } else if (c.attr_int("keepdims") == 1) {
      result.emplace_back(1);
    }
  }
  c.set_output(0, DType::i64, result);
}

/// NaN counts as the greatest and as the least number, as in numpy.
template <bool max, class T>
bool beats(T candidate, T best) {
  if (candidate != candidate) return best == best;
  return max ? candidate > best : candidate < best;
}

template <bool max, class T>
int64_t arg_best(const T* lane, int64_t length, int64_t step, bool last) {
  int64_t best = last ? length - 1 : 0;
  in_pieces(length, [&](int64_t begin, int64_t end) {
    for (int64_t i = std::max<int64_t>(1, begin); i < end; ++i) {
      const int64_t k = last ? length - 1 - i : i;
      if (beats<max>(lane[k * step], lane[best * step])) best = k;
    }
  });
  return best;
}

template <bool max>
void eval_arg_reduce(EvalContext& c) {
  const Tensor& x = c.input(0);
  if (is_plain_scalar(c, x.shape().size())) return c.set_output(0, Tensor::scalar<int64_t>(0));
  const int64_t axis = normalize_axis(c.attr_int("axis"), x.rank());
  std::vector<bool> marked(x.shape().size(), false);
  marked[static_cast<size_t>(axis)] = true;
  const AxisSplit split(x.shape(), axis);
  if (split.length == 0 && split.lanes() > 0) {
    fail(ErrorCode::invalid_argument, "axis {} of a tensor of shape {} has no elements to choose from", axis,
         to_string(x.shape()));
  }
  const bool last = c.attr_int("select_last_index", 0) != 0;
  Tensor& out = c.output(0, DType::i64, reduced_shape(x.shape(), marked, c.attr_int("keepdims") == 1));
  int64_t* to = out.mutable_data<int64_t>();
  dispatch(NumericTypes{}, x.dtype(), [&]<class T> {
    const T* from = x.data<T>();
    c.parallel_for(split.lanes(), 1 + 32768 / (split.length + 1), [&](int64_t begin, int64_t end) {
      for (int64_t lane = begin; lane < end; ++lane) {
        to[lane] = arg_best<max>(from + split.lane_start(lane), split.length, split.inner, last);
      }
    });
  });
}

}  // namespace

extern const OpDef arg_max_op{"", "ArgMax", arg_max_versions, infer_arg_reduce, eval_arg_reduce<true>};
extern const OpDef arg_min_op{"", "ArgMin", arg_min_versions, infer_arg_reduce, eval_arg_reduce<false>};

}  // namespace kiln::ops
