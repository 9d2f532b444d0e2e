#include <cmath>

#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText celu_versions[] = {
    {12, "X:T -> Y:T", "alpha:float=1", "T=f32"},
    {28, "X:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

constexpr SchemaText elu_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=1 consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "alpha:float=1", "T=real"},
    {22, "X:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

constexpr SchemaText gelu_versions[] = {
    {20, "X:T -> Y:T", "approximate:string=none", "T=real,bf16"},
};

constexpr SchemaText hard_sigmoid_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=0.200000003 beta:float=0.5 consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "alpha:float=0.200000003 beta:float=0.5", "T=real"},
    {22, "X:T -> Y:T", "alpha:float=0.200000003 beta:float=0.5", "T=real,bf16"},
};

constexpr SchemaText leaky_relu_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=0.00999999978 consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "alpha:float=0.00999999978", "T=real"},
    {16, "X:T -> Y:T", "alpha:float=0.00999999978", "T=real,bf16"},
};

constexpr SchemaText selu_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=1.67320001 consumed_inputs:ints gamma:float=1.05069995", "T=real"},
    {6, "X:T -> Y:T", "alpha:float=1.67326319 gamma:float=1.05070102", "T=real"},
    {22, "X:T -> Y:T", "alpha:float=1.67326319 gamma:float=1.05070102", "T=real,bf16"},
};

constexpr SchemaText shrink_versions[] = {
    {9, "input:T -> output:T", "bias:float=0 lambd:float=0.5", "T=numeric"},
};

constexpr SchemaText swish_versions[] = {
    {24, "X:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

constexpr SchemaText thresholded_relu_versions[] = {
    {10, "X:T -> Y:T", "alpha:float=1", "T=real"},
    {22, "X:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

/// f(x, alpha) with alpha in the type that x is computed in.
template <class F>
void map_with_alpha(EvalContext& c, F f) {
  const float alpha = c.attr_float("alpha");
  eval_unary(FloatCarriers{}, c, [=]<class T>(T x) { return f(x, static_cast<T>(alpha)); });
}

void eval_celu(EvalContext& c) {
  map_with_alpha(c, []<class T>(T x, T alpha) { return x < 0 ? alpha * std::expm1(x / alpha) : x; });
}
void eval_elu(EvalContext& c) {
  map_with_alpha(c, []<class T>(T x, T alpha) { return x < 0 ? alpha * std::expm1(x) : x; });
}
void eval_leaky_relu(EvalContext& c) {
  map_with_alpha(c, []<class T>(T x, T alpha) { return x < 0 ? alpha * x : x; });
}
void eval_swish(EvalContext& c) {
  map_with_alpha(c, []<class T>(T x, T alpha) { return x / (1 + std::exp(-alpha * x)); });
}
void eval_thresholded_relu(EvalContext& c) {
  map_with_alpha(c, []<class T>(T x, T alpha) { return x > alpha ? x : T{0}; });
}
void eval_hard_sigmoid(EvalContext& c) {
  const float beta = c.attr_float("beta");
  map_with_alpha(c, [beta]<class T>(T x, T alpha) {
    const T y = alpha * x + static_cast<T>(beta);
    return y < 0 ? T{0} : y > 1 ? T{1} : y;
  });
}
void eval_selu(EvalContext& c) {
  const float gamma = c.attr_float("gamma");
  map_with_alpha(
      c, [gamma]<class T>(T x, T alpha) { return static_cast<T>(gamma) * (x > 0 ? x : alpha * std::expm1(x)); });
}

bool uses_tanh(const NodeView& node) {
  const std::string& approximate = node.attr_string("approximate");
  if (approximate != "tanh" && approximate != "none") {
    fail(ErrorCode::invalid_model, "attribute 'approximate' is '{}', expected 'none' or 'tanh'", approximate);
  }
  return approximate == "tanh";
}

void infer_gelu(InferContext& c) {
  uses_tanh(c);
  infer_same_as_first(c);
}

void eval_gelu(EvalContext& c) {
  if (uses_tanh(c)) {
    eval_unary(FloatCarriers{}, c, []<class T>(T x) {
      const T sqrt_2_over_pi = static_cast<T>(0.79788456080286535588);
      return T{0.5} * x * (1 + std::tanh(sqrt_2_over_pi * (x + static_cast<T>(0.044715) * x * x * x)));
    });
  } else {
    eval_unary(FloatCarriers{}, c,
               []<class T>(T x) { return T{0.5} * x * (1 + std::erf(x * static_cast<T>(0.70710678118654752440))); });
  }
}

void eval_shrink(EvalContext& c) {
  const double bias = c.attr_float("bias"), threshold = c.attr_float("lambd");
  eval_unary(Carriers{}, c, [=]<class T>(T x) {
    const auto wide = static_cast<double>(x);
    const double y = wide < -threshold ? wide + bias : wide > threshold ? wide - bias : 0;
    if constexpr (std::is_integral_v<T>)
      return float_to_int<T>(y);
    else
      return static_cast<T>(y);
  });
}

}  // namespace

extern const OpDef celu_op{"", "Celu", celu_versions, infer_same_as_first, eval_celu};
extern const OpDef elu_op{"", "Elu", elu_versions, infer_same_as_first, eval_elu};
extern const OpDef gelu_op{"", "Gelu", gelu_versions, infer_gelu, eval_gelu};
extern const OpDef hard_sigmoid_op{"", "HardSigmoid", hard_sigmoid_versions, infer_same_as_first, eval_hard_sigmoid};
extern const OpDef leaky_relu_op{"", "LeakyRelu", leaky_relu_versions, infer_same_as_first, eval_leaky_relu};
extern const OpDef selu_op{"", "Selu", selu_versions, infer_same_as_first, eval_selu};
extern const OpDef shrink_op{"", "Shrink", shrink_versions, infer_same_as_first, eval_shrink};
extern const OpDef swish_op{"", "Swish", swish_versions, infer_same_as_first, eval_swish};
extern const OpDef thresholded_relu_op{"", "ThresholdedRelu", thresholded_relu_versions, infer_same_as_first,
                                       eval_thresholded_relu};

}  // namespace kiln::ops
