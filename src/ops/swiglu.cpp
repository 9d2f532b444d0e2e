#include <cmath>

#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText swiglu_versions[] = {
    {28, "A:T B:T -> Y:T", "alpha:float=1", "T=real,bf16"},
};

void infer_swiglu(InferContext& c) {
  Type type = c.type(0);
  if (c.type(1).is_known()) type = type.is_known() ? unify(type, c.type(1)) : c.type(1);
  c.set_output(0, std::move(type));
}

void eval_swiglu(EvalContext& c) {
  const Tensor& a = c.input(0);
  const Tensor& b = c.input(1);
  if (a.shape() != b.shape()) {
    fail(ErrorCode::invalid_argument, "the inputs are of shapes {} and {}, and must be of one shape",
         to_string(a.shape()), to_string(b.shape()));
  }
  Tensor& y = c.output(0, same_dtype(c), a.shape());
  const float alpha = c.attr_float("alpha");
  dispatch_carrier(FloatCarriers{}, a.dtype(), [&]<class T> {
    map_elements<T, T, T>(c, {a, b}, y, [alpha](T gate, T value) {
      return gate / (1 + std::exp(-static_cast<T>(alpha) * gate)) * value;
    });
  });
}

}  // namespace

extern const OpDef swiglu_op{"", "SwiGLU", swiglu_versions, infer_swiglu, eval_swiglu};

}  // namespace kiln::ops
