#include <cmath>

#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/training/optimizer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText adagrad_versions[] = {
    {1, "R:T1 T:T2 inputs~:T3 -> outputs~:T3",
     "decay_factor:float=0 epsilon:float=9.99999997e-07 norm_coefficient:float=0", "T1=f32,f64 T2=i64 T3=f32,f64"},
};

void infer_adagrad(InferContext& c) { infer_optimizer(c, 3); }

void eval_adagrad(EvalContext& c) {
  const double rate = learning_rate(c) / (1 + static_cast<double>(update_count(c)) * c.attr_float("decay_factor"));
  const double decay = c.attr_float("norm_coefficient"), epsilon = c.attr_float("epsilon");
  update_elements(c, 3, [&](std::span<double> element) {
    double &x = element[0], &squares = element[2];
    const double gradient = decay * x + element[1];
    squares += gradient * gradient;
    x -= rate * gradient / (std::sqrt(squares) + epsilon);
  });
}

}  // namespace

extern const OpDef adagrad_op{"ai.onnx.preview.training", "Adagrad", adagrad_versions, infer_adagrad, eval_adagrad};

}  // namespace kiln::ops
