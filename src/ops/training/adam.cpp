#include <cmath>

#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/training/optimizer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText adam_versions[] = {
    {1, "R:T1 T:T2 inputs~:T3 -> outputs~:T3",
     "alpha:float=0.899999976 beta:float=0.999000013 epsilon:float=9.99999997e-07 norm_coefficient:float=0 "
     "norm_coefficient_post:float=0",
     "T1=f32,f64 T2=i64 T3=f32,f64"},
};

void infer_adam(InferContext& c) { infer_optimizer(c, 4); }

void eval_adam(EvalContext& c) {
  const double alpha = c.attr_float("alpha"), beta = c.attr_float("beta"), epsilon = c.attr_float("epsilon");
  const double decay = c.attr_float("norm_coefficient"), decay_after = c.attr_float("norm_coefficient_post");
  const auto count = static_cast<double>(update_count(c));
  double rate = learning_rate(c);
  if (count > 0) rate *= std::sqrt(1 - std::pow(beta, count)) / (1 - std::pow(alpha, count));
  update_elements(c, 4, [&](std::span<double> element) {
    double &x = element[0], &mean = element[2], &squares = element[3];
    const double gradient = decay * x + element[1];
    mean = alpha * mean + (1 - alpha) * gradient;
    squares = beta * squares + (1 - beta) * gradient * gradient;
    x = (1 - decay_after) * (x - rate * mean / (std::sqrt(squares) + epsilon));
  });
}

}  // namespace

extern const OpDef adam_op{"ai.onnx.preview.training", "Adam", adam_versions, infer_adam, eval_adam};

}  // namespace kiln::ops
