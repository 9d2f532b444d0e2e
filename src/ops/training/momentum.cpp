#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/training/optimizer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText momentum_versions[] = {
    {1, "R:T1 T:T2 inputs~:T3 -> outputs~:T3", "alpha!:float beta!:float mode!:string norm_coefficient!:float",
     "T1=f32,f64 T2=i64 T3=f32,f64"},
};

bool is_nesterov(const NodeView& node) {
  const std::string& mode = node.attr_string("mode");
  if (mode != "standard" && mode != "nesterov") {
    fail(ErrorCode::invalid_model, "mode is '{}', expected standard or nesterov", mode);
  }
  return mode == "nesterov";
}

void infer_momentum(InferContext& c) {
  is_nesterov(c);
  infer_optimizer(c, 3);
}

void eval_momentum(EvalContext& c) {
  const bool nesterov = is_nesterov(c);
  const double rate = learning_rate(c);
  const double alpha = c.attr_float("alpha"), decay = c.attr_float("norm_coefficient");
  const double beta = update_count(c) > 0 ? c.attr_float("beta") : 1;
  update_elements(c, 3, [&](std::span<double> element) {
    double &x = element[0], &momentum = element[2];
    const double gradient = decay * x + element[1];
    momentum = alpha * momentum + beta * gradient;
    x -= rate * (nesterov ? gradient + alpha * momentum : momentum);
  });
}

}  // namespace

extern const OpDef momentum_op{"ai.onnx.preview.training", "Momentum", momentum_versions, infer_momentum,
                               eval_momentum};

}  // namespace kiln::ops
