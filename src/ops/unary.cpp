#include <cmath>

#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText abs_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=numeric"},
    {13, "X:T -> Y:T", "", "T=numeric,bf16"},
};

constexpr SchemaText acos_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText acosh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText asin_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText asinh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText atan_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText atanh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText ceil_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText cos_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText cosh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText erf_versions[] = {
    {9, "input:T -> output:T", "", "T=numeric"},
    {13, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText exp_versions[] = {
    {1, "input:T -> output:T", "consumed_inputs:ints", "T=real"},
    {6, "input:T -> output:T", "", "T=real"},
    {13, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText floor_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText log_versions[] = {
    {1, "input:T -> output:T", "consumed_inputs:ints", "T=real"},
    {6, "input:T -> output:T", "", "T=real"},
    {13, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText neg_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=int,real"},
    {13, "X:T -> Y:T", "", "T=int,real,bf16"},
};

constexpr SchemaText reciprocal_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText round_versions[] = {
    {11, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText sign_versions[] = {
    {9, "input:T -> output:T", "", "T=numeric"},
    {13, "input:T -> output:T", "", "T=numeric,bf16"},
};

constexpr SchemaText sin_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText sinh_versions[] = {
    {9, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText sqrt_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText tan_versions[] = {
    {7, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText tanh_versions[] = {
    {1, "input:T -> output:T", "consumed_inputs:ints", "T=real"},
    {6, "input:T -> output:T", "", "T=real"},
    {13, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText sigmoid_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText softplus_versions[] = {
    {1, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText softsign_versions[] = {
    {1, "input:T -> output:T", "", "T=real"},
    {22, "input:T -> output:T", "", "T=real,bf16"},
};

constexpr SchemaText hard_swish_versions[] = {
    {14, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText mish_versions[] = {
    {18, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

constexpr SchemaText relu_versions[] = {
    {1, "X:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T -> Y:T", "", "T=real"},
    {13, "X:T -> Y:T", "", "T=real,bf16"},
    {14, "X:T -> Y:T", "", "T=int,real,bf16"},
};

template <class F>
void map_floats(EvalContext& c, F f) {
  eval_unary(FloatCarriers{}, c, f);
}

// Integers wrap as unsigned ones do: -INT64_MIN is INT64_MIN.
template <class T>
T negated(T x) {
  if constexpr (std::is_integral_v<T>) return static_cast<T>(0 - static_cast<uint64_t>(x));
  return -x;
}

template <class T>
T sigmoid(T x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const T e = std::exp(x);
  return e / (1 + e);
}

template <class T>
T softplus(T x) {
  return std::fmax(x, T{0}) + std::log1p(std::exp(-std::abs(x)));
}

void eval_abs(EvalContext& c) {
  eval_unary(Carriers{}, c, []<class T>(T x) {
    if constexpr (std::is_floating_point_v<T>)
      return std::abs(x);
    else
      return x < T{0} ? negated(x) : x;
  });
}
void eval_neg(EvalContext& c) {
  eval_unary(SignedCarriers{}, c, [](auto x) { return negated(x); });
}
void eval_sign(EvalContext& c) {
  eval_unary(Carriers{}, c, []<class T>(T x) { return x > 0 ? T{1} : x < 0 ? static_cast<T>(-1) : x; });
}
void eval_relu(EvalContext& c) {
  eval_unary(SignedCarriers{}, c, []<class T>(T x) { return x < 0 ? T{0} : x; });
}
void eval_erf(EvalContext& c) {
  eval_unary(Carriers{}, c, []<class T>(T x) {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(std::erf(static_cast<double>(x)));
    else
      return std::erf(x);
  });
}

void eval_acos(EvalContext& c) {
  map_floats(c, [](auto x) { return std::acos(x); });
}
void eval_acosh(EvalContext& c) {
  map_floats(c, [](auto x) { return std::acosh(x); });
}
void eval_asin(EvalContext& c) {
  map_floats(c, [](auto x) { return std::asin(x); });
}
void eval_asinh(EvalContext& c) {
  map_floats(c, [](auto x) { return std::asinh(x); });
}
void eval_atan(EvalContext& c) {
  map_floats(c, [](auto x) { return std::atan(x); });
}
void eval_atanh(EvalContext& c) {
  map_floats(c, [](auto x) { return std::atanh(x); });
}
void eval_ceil(EvalContext& c) {
  map_floats(c, [](auto x) { return std::ceil(x); });
}
void eval_cos(EvalContext& c) {
  map_floats(c, [](auto x) { return std::cos(x); });
}
void eval_cosh(EvalContext& c) {
  map_floats(c, [](auto x) { return std::cosh(x); });
}
void eval_exp(EvalContext& c) {
  map_floats(c, [](auto x) { return std::exp(x); });
}
void eval_floor(EvalContext& c) {
  map_floats(c, [](auto x) { return std::floor(x); });
}
void eval_log(EvalContext& c) {
  map_floats(c, [](auto x) { return std::log(x); });
}
void eval_reciprocal(EvalContext& c) {
  map_floats(c, [](auto x) { return 1 / x; });
}
// Ties go to the even number: the processor's default rounding.
void eval_round(EvalContext& c) {
  map_floats(c, [](auto x) { return std::nearbyint(x); });
}
void eval_sin(EvalContext& c) {
  map_floats(c, [](auto x) { return std::sin(x); });
}
void eval_sinh(EvalContext& c) {
  map_floats(c, [](auto x) { return std::sinh(x); });
}
void eval_sqrt(EvalContext& c) {
  map_floats(c, [](auto x) { return std::sqrt(x); });
}
void eval_tan(EvalContext& c) {
  map_floats(c, [](auto x) { return std::tan(x); });
}
void eval_tanh(EvalContext& c) {
  map_floats(c, [](auto x) { return std::tanh(x); });
}
void eval_sigmoid(EvalContext& c) {
  map_floats(c, [](auto x) { return sigmoid(x); });
}
void eval_softplus(EvalContext& c) {
  map_floats(c, [](auto x) { return std::isnan(x) ? x : softplus(x); });
}
void eval_softsign(EvalContext& c) {
  map_floats(c, [](auto x) { return x / (1 + std::abs(x)); });
}
void eval_hard_swish(EvalContext& c) {
  map_floats(c, []<class T>(T x) { return x * std::fmax(T{0}, std::fmin(T{1}, x / 6 + T{0.5})); });
}
void eval_mish(EvalContext& c) {
  map_floats(c, [](auto x) { return std::isnan(x) ? x : x * std::tanh(softplus(x)); });
}

void infer_neg(InferContext& c) {
  infer_same_as_first(c);
  if (auto elements = c.dims(0)) {
    for (Dim& element : *elements) element = held_by(c.dtype(0), Dim(0) - element);
    c.set_dims(0, std::move(*elements));
  }
}

}  // namespace

extern const OpDef abs_op{"", "Abs", abs_versions, infer_same_as_first, eval_abs};
extern const OpDef acos_op{"", "Acos", acos_versions, infer_same_as_first, eval_acos};
extern const OpDef acosh_op{"", "Acosh", acosh_versions, infer_same_as_first, eval_acosh};
extern const OpDef asin_op{"", "Asin", asin_versions, infer_same_as_first, eval_asin};
extern const OpDef asinh_op{"", "Asinh", asinh_versions, infer_same_as_first, eval_asinh};
extern const OpDef atan_op{"", "Atan", atan_versions, infer_same_as_first, eval_atan};
extern const OpDef atanh_op{"", "Atanh", atanh_versions, infer_same_as_first, eval_atanh};
extern const OpDef ceil_op{"", "Ceil", ceil_versions, infer_same_as_first, eval_ceil};
extern const OpDef cos_op{"", "Cos", cos_versions, infer_same_as_first, eval_cos};
extern const OpDef cosh_op{"", "Cosh", cosh_versions, infer_same_as_first, eval_cosh};
extern const OpDef erf_op{"", "Erf", erf_versions, infer_same_as_first, eval_erf};
extern const OpDef exp_op{"", "Exp", exp_versions, infer_same_as_first, eval_exp};
extern const OpDef floor_op{"", "Floor", floor_versions, infer_same_as_first, eval_floor};
extern const OpDef log_op{"", "Log", log_versions, infer_same_as_first, eval_log};
extern const OpDef neg_op{"", "Neg", neg_versions, infer_neg, eval_neg};
extern const OpDef reciprocal_op{"", "Reciprocal", reciprocal_versions, infer_same_as_first, eval_reciprocal};
extern const OpDef round_op{"", "Round", round_versions, infer_same_as_first, eval_round};
extern const OpDef sign_op{"", "Sign", sign_versions, infer_same_as_first, eval_sign};
extern const OpDef sin_op{"", "Sin", sin_versions, infer_same_as_first, eval_sin};
extern const OpDef sinh_op{"", "Sinh", sinh_versions, infer_same_as_first, eval_sinh};
extern const OpDef sqrt_op{"", "Sqrt", sqrt_versions, infer_same_as_first, eval_sqrt};
extern const OpDef tan_op{"", "Tan", tan_versions, infer_same_as_first, eval_tan};
extern const OpDef tanh_op{"", "Tanh", tanh_versions, infer_same_as_first, eval_tanh};
extern const OpDef sigmoid_op{"", "Sigmoid", sigmoid_versions, infer_same_as_first, eval_sigmoid};
extern const OpDef softplus_op{"", "Softplus", softplus_versions, infer_same_as_first, eval_softplus};
extern const OpDef softsign_op{"", "Softsign", softsign_versions, infer_same_as_first, eval_softsign};
extern const OpDef hard_swish_op{"", "HardSwish", hard_swish_versions, infer_same_as_first, eval_hard_swish};
extern const OpDef mish_op{"", "Mish", mish_versions, infer_same_as_first, eval_mish};
extern const OpDef relu_op{"", "Relu", relu_versions, infer_same_as_first, eval_relu};

}  // namespace kiln::ops
