#include <algorithm>
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

constexpr SchemaText softmax_versions[] = {
    {1, "input:T -> output:T", "axis:int=1", "T=real"},
    {11, "input:T -> output:T", "axis:int=1", "T=real"},
    {13, "input:T -> output:T", "axis:int=-1", "T=real,bf16"},
};

constexpr SchemaText log_softmax_versions[] = {
    {1, "input:T -> output:T", "axis:int=1", "T=real"},
    {11, "input:T -> output:T", "axis:int=1", "T=real"},
    {13, "input:T -> output:T", "axis:int=-1", "T=real,bf16"},
};

constexpr SchemaText hardmax_versions[] = {
    {1, "input:T -> output:T", "axis:int=1", "T=real"},
    {11, "input:T -> output:T", "axis:int=1", "T=real"},
    {13, "input:T -> output:T", "axis:int=-1", "T=real,bf16"},
};

/// Up to version 11 the input is seen as a matrix [axes before `axis`, axes from it on] and its rows are normalised.
AxisSplit lanes_of(const NodeView& node, const Shape& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  const int64_t axis = normalize_axis(node.attr_int("axis"), rank);
  return node.version() < 13 ? AxisSplit(shape, axis, rank) : AxisSplit(shape, axis);
}

void infer_softmax(InferContext& c) {
  if (const SymShape* shape = c.shape(0)) normalize_axis(c.attr_int("axis"), static_cast<int64_t>(shape->size()));
  c.set_output(0, c.type(0));
}

/// Rounds every step to T, as arithmetic in T does; only the sum is exact before it is rounded.
struct Softmax {
  template <class T, class Number>
  static void apply(Number* lane, int64_t length) {
    const Number max = *std::max_element(lane, lane + length);
    double sum = 0;
    in_pieces(length, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) {
        const Number shifted = static_cast<T>(lane[k] - max);
        lane[k] = static_cast<T>(std::exp(shifted));
        sum += static_cast<double>(lane[k]);
      }
    });
    const Number divisor = static_cast<T>(sum);
    for (int64_t k = 0; k < length; ++k) lane[k] /= divisor;
  }
};

struct LogSoftmax {
  template <class T, class Number>
  static void apply(Number* lane, int64_t length) {
    const Number max = *std::max_element(lane, lane + length);
    double sum = 0;
    in_pieces(length, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) sum += static_cast<double>(std::exp(lane[k] - max));
    });
    const double log_sum = std::log(sum);
    for (int64_t k = 0; k < length; ++k) {
      lane[k] = static_cast<Number>(static_cast<double>(lane[k] - max) - log_sum);
    }
  }
};

/// 1 at the first maximum; a NaN counts as the maximum.
struct Hardmax {
  template <class T, class Number>
  static void apply(Number* lane, int64_t length) {
    int64_t best = 0;
    for (int64_t k = 1; k < length && lane[best] == lane[best]; ++k) {
      if (lane[k] > lane[best] || lane[k] != lane[k]) best = k;
    }
    std::fill(lane, lane + length, Number{0});
    lane[best] = 1;
  }
};

template <class Rule>
void eval_softmax(EvalContext& c) {
  const Tensor& x = c.input(0);
  const AxisSplit split = lanes_of(c, x.shape());
  Tensor& out = c.output(0, x.dtype(), x.shape());
  if (x.size() == 0) return;
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    using Number = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const T* from = x.data<T>();
    T* to = out.mutable_data<T>();
    c.parallel_for(split.lanes(), 1 + 4096 / split.length, [&](int64_t begin, int64_t end) {
      std::vector<Number> numbers(static_cast<size_t>(split.length));
      for (int64_t lane = begin; lane < end; ++lane) {
        const int64_t start = split.lane_start(lane);
        for (int64_t k = 0; k < split.length; ++k) numbers[k] = static_cast<Number>(from[start + k * split.inner]);
        Rule::template apply<T>(numbers.data(), split.length);
        for (int64_t k = 0; k < split.length; ++k) to[start + k * split.inner] = static_cast<T>(numbers[k]);
      }
    });
  });
}

}  // namespace

extern const OpDef softmax_op{"", "Softmax", softmax_versions, infer_softmax, eval_softmax<Softmax>};
extern const OpDef log_softmax_op{"", "LogSoftmax", log_softmax_versions, infer_softmax, eval_softmax<LogSoftmax>};
extern const OpDef hardmax_op{"", "Hardmax", hardmax_versions, infer_softmax, eval_softmax<Hardmax>};

}  // namespace kiln::ops
