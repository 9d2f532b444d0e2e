#include <cmath>

#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText is_inf_versions[] = {
    {10, "X:T1 -> Y:T2", "detect_negative:int=1 detect_positive:int=1", "T1=f32,f64 T2=bool"},
    {20, "X:T1 -> Y:T2", "detect_negative:int=1 detect_positive:int=1", "T1=float8,real,bf16 T2=bool"},
};

constexpr SchemaText is_na_n_versions[] = {
    {9, "X:T1 -> Y:T2", "", "T1=real T2=bool"},
    {13, "X:T1 -> Y:T2", "", "T1=real,bf16 T2=bool"},
    {20, "X:T1 -> Y:T2", "", "T1=float8,real,bf16 T2=bool"},
};

void infer_predicate(InferContext& c) { infer_broadcast_to(c, DType::boolean); }

template <class F>
void eval_class(EvalContext& c, F f) {
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0, DType::boolean, x.shape());
  dispatch_carrier(FloatCarriers{}, x.dtype(), [&]<class T> { map_elements<int64_t, T>(c, {x}, y, f); });
}

void eval_is_inf(EvalContext& c) {
  const bool negative = c.attr_int("detect_negative") != 0, positive = c.attr_int("detect_positive") != 0;
  eval_class(c, [=](auto x) { return std::isinf(x) && (x < 0 ? negative : positive); });
}

void eval_is_nan(EvalContext& c) {
  eval_class(c, [](auto x) { return std::isnan(x); });
}

}  // namespace

extern const OpDef is_inf_op{"", "IsInf", is_inf_versions, infer_predicate, eval_is_inf};
extern const OpDef is_na_n_op{"", "IsNaN", is_na_n_versions, infer_predicate, eval_is_nan};

}  // namespace kiln::ops
