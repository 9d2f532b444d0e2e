#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/reduction.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText lp_normalization_versions[] = {
    {1, "input:T -> output:T", "axis:int=-1 p:int=2", "T=real"},
    {22, "input:T -> output:T", "axis:int=-1 p:int=2", "T=real,bf16"},
};

int64_t order_of(const NodeView& node) {
  const int64_t order = node.attr_int("p");
  if (order != 1 && order != 2) fail(ErrorCode::invalid_argument, "p must be 1 or 2, found {}", order);
  return order;
}

void infer_lp_normalization(InferContext& c) {
  order_of(c);
  if (const SymShape* shape = c.shape(0)) normalize_axis(c.attr_int("axis"), static_cast<int64_t>(shape->size()));
  c.set_output(0, c.type(0));
}

/// Lanes whose norm is 0 stay 0.
template <class T>
void normalize_lane(const T* from, T* to, int64_t length, int64_t step, int64_t order) {
  double sum = 0;
  for (int64_t k = 0; k < length; ++k, stop_point()) {
    const double x = static_cast<double>(from[k * step]);
    sum += order == 1 ? std::abs(x) : x * x;
  }
  const double norm = order == 1 ? sum : std::sqrt(sum);
  for (int64_t k = 0; k < length; ++k, stop_point()) {
    to[k * step] = norm == 0 ? T(0.0f) : static_cast<T>(static_cast<double>(from[k * step]) / norm);
  }
}

void eval_lp_normalization(EvalContext& c) {
  const Tensor& x = c.input(0);
  const int64_t order = order_of(c);
  const AxisSplit split(x.shape(), normalize_axis(c.attr_int("axis"), x.rank()));
  Tensor& y = c.output(0, x.dtype(), x.shape());
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    const T* from = x.data<T>();
    T* to = y.mutable_data<T>();
    c.parallel_for(split.lanes(), 1 + 32768 / (split.length + 1), [&](int64_t begin, int64_t end) {
      for (int64_t lane = begin; lane < end; ++lane) {
        const int64_t start = split.lane_start(lane);
        normalize_lane(from + start, to + start, split.length, split.inner, order);
      }
    });
  });
}

}  // namespace

extern const OpDef lp_normalization_op{"", "LpNormalization", lp_normalization_versions, infer_lp_normalization,
                                       eval_lp_normalization};

}  // namespace kiln::ops
