#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/nll.hpp"
#include "ops/support/reduction.hpp"
#include "ops/support/widen.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText softmax_cross_entropy_loss_versions[] = {
    {12, "scores:T labels:Tind weights?:T -> output:T log_prob?:T", "ignore_index:int reduction:string=mean",
     "T=real Tind=i32,i64"},
    {13, "scores:T labels:Tind weights?:T -> output:T log_prob?:T", "ignore_index:int reduction:string=mean",
     "T=real,bf16 Tind=i32,i64"},
};

void infer_softmax_cross_entropy_loss(InferContext& c) {
  infer_nll_loss(c);
  c.set_output(1, c.type(0));
}

/// Of each lane along the class axis.
std::vector<double> log_softmax(const Tensor& scores) {
  const Widened<double> x(scores);
  const AxisSplit split(scores.shape(), 1);
  std::vector<double> result(static_cast<size_t>(scores.size()));
  for (int64_t lane = 0; lane < split.lanes() && split.length > 0; ++lane) {
    const int64_t start = split.lane_start(lane);
    double max = x[start], sum = 0;
    for (int64_t k = 1; k < split.length; ++k) max = std::max(max, x[start + k * split.inner]);
    for (int64_t k = 0; k < split.length; ++k) sum += std::exp(x[start + k * split.inner] - max);
    const double log_sum = std::log(sum);
    for (int64_t k = 0; k < split.length; ++k) {
      const int64_t at = start + k * split.inner;
      result[at] = x[at] - max - log_sum;
    }
  }
  return result;
}

void eval_softmax_cross_entropy_loss(EvalContext& c) {
  const Tensor& scores = c.input(0);
  if (scores.rank() < 2) {
    fail(ErrorCode::invalid_argument, "scores must be [N,C,...], found shape {}", to_string(scores.shape()));
  }
  const std::vector<double> log_probabilities = log_softmax(scores);
  set_nll_loss(c, log_probabilities.data());
  if (!c.wants_output(1)) return;
  Tensor& out = c.output(1, scores.dtype(), scores.shape());
  narrow_into(log_probabilities.data(), out.size(), out);
}

}  // namespace

extern const OpDef softmax_cross_entropy_loss_op{"", "SoftmaxCrossEntropyLoss", softmax_cross_entropy_loss_versions,
                                                 infer_softmax_cross_entropy_loss, eval_softmax_cross_entropy_loss};

}  // namespace kiln::ops
