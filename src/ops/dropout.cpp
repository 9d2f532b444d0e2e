#include "base/error.hpp"
#include "base/rng.hpp"
#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dropout_versions[] = {
    {1, "data:T -> output:T mask?:T", "consumed_inputs:ints is_test:int=0 ratio:float=0.5", "T=real"},
    {6, "data:T -> output:T mask?:T", "is_test:int=0 ratio:float=0.5", "T=real"},
    {7, "data:T -> output:T mask?:T", "ratio:float=0.5", "T=real"},
    {10, "data:T -> output:T mask?:T1", "ratio:float=0.5", "T=real T1=bool"},
    {12, "data:T ratio?:T1 training_mode?:T2 -> output:T mask?:T2", "seed:int", "T=real T1=real T2=bool"},
    {13, "data:T ratio?:T1 training_mode?:T2 -> output:T mask?:T2", "seed:int", "T=real,bf16 T1=real T2=bool"},
    {22, "data:T ratio?:T1 training_mode?:T2 -> output:T mask?:T2", "seed:int",
     "T=float8,real,bf16 T1=float8,real,bf16 T2=bool"},
};

constexpr int first_without_is_test = 7, first_with_boolean_mask = 10, first_with_inputs = 12;

DType mask_dtype(const NodeView& node, DType data) {
  return node.version() < first_with_boolean_mask ? data : DType::boolean;
}

void infer_dropout(InferContext& c) {
  infer_same_as_first(c);
  for (size_t i = 1; i < c.input_count(); ++i) {
    if (c.shape(i) && !c.shape(i)->empty()) {
      fail(ErrorCode::invalid_argument, "input {} must be a scalar, found shape {}", i, to_string(*c.shape(i)));
    }
  }
  if (!c.wants_output(1)) return;
  c.set_output(1, mask_dtype(c, c.dtype(0)), c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
}

bool drops(EvalContext& c) {
  if (c.version() < first_without_is_test) return c.attr_int("is_test") == 0;
  return c.version() >= first_with_inputs && c.has_input(2) && scalar_value(c.input(2), "training_mode") != 0;
}

double dropout_ratio(EvalContext& c) {
  double ratio = 0.5;
  if (c.version() < first_with_inputs) {
    ratio = c.attr_float("ratio");
  } else if (c.has_input(1)) {
    ratio = scalar_value(c.input(1), "ratio");
  }
  if (!(ratio >= 0 && ratio < 1)) fail(ErrorCode::invalid_argument, "the ratio is {}, outside [0, 1)", ratio);
  return ratio;
}

// The draws are those of numpy's RandomState(seed).uniform(), which ONNX's own cases are made with.
Tensor drawn_mask(EvalContext& c, double ratio) {
  const uint64_t seed = c.has_attribute("seed") ? static_cast<uint64_t>(c.attr_int("seed")) : c.host().next_seed();
  NumpyRandomState random(static_cast<uint32_t>(seed));
  Tensor mask = c.host().allocate(DType::boolean, c.input(0).shape());
  for (bool& keeps : mask.mutable_elements<bool>()) keeps = random.uniform() >= ratio;
  return mask;
}

void eval_dropout(EvalContext& c) {
  const Tensor& x = c.input(0);
  const double ratio = drops(c) ? dropout_ratio(c) : 0;
  Tensor mask;
  if (ratio == 0) {
    c.set_output(0, x);
    if (!c.wants_output(1)) return;
    mask = c.host().allocate(DType::boolean, x.shape());
    for (bool& keeps : mask.mutable_elements<bool>()) keeps = true;
  } else {
    mask = drawn_mask(c, ratio);
    Tensor& y = c.output(0, x.dtype(), x.shape());
    dispatch_carrier(FloatCarriers{}, x.dtype(), [&]<class T> {
      const auto scale = static_cast<T>(1 / (1 - ratio));
      map_elements<T, T, int64_t>(c, {x, mask}, y,
                                  [scale](T value, int64_t keeps) { return value * static_cast<T>(keeps) * scale; });
    });
  }
  if (c.wants_output(1)) c.set_output(1, convert(c, mask, mask_dtype(c, x.dtype())));
}

}  // namespace

extern const OpDef dropout_op{"", "Dropout", dropout_versions, infer_dropout, eval_dropout, true};

}  // namespace kiln::ops
