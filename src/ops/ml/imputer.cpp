#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText imputer_versions[] = {
    {1, "X:T -> Y:T",
     "imputed_value_floats:floats imputed_value_int64s:ints replaced_value_float:float=0 "
     "replaced_value_int64:int=0",
     "T=f32,f64,i64,i32"},
};

template <class T, class Attribute>
void impute(EvalContext& c, std::span<const Attribute> values, Attribute replaced) {
  const Tensor& input = c.input(0);
  const int64_t features = input.rank() == 0 ? 1 : input.dim(-1);
  const auto count = static_cast<int64_t>(values.size());
  if (count != 1 && count != features) {
    fail(ErrorCode::invalid_model, "there are {} values to impute, expected 1 or {}", count, features);
  }
  Tensor& output = c.output(0, input.dtype(), input.shape());
  const T* from = input.data<T>();
  T* to = output.mutable_data<T>();
  const bool replaces_nan = replaced != replaced;
  for (int64_t i = 0; i < input.size(); ++i) {
    const bool hit = replaces_nan ? from[i] != from[i] : from[i] == static_cast<T>(replaced);
    to[i] = hit ? static_cast<T>(values[static_cast<size_t>(count == 1 ? 0 : i % features)]) : from[i];
  }
}

void eval_imputer(EvalContext& c) {
  const auto floats = c.attr_floats("imputed_value_floats");
  const auto ints = c.attr_ints("imputed_value_int64s");
  const DType dtype = c.input(0).dtype();
  const bool wants_ints = is_int(dtype);
  if (wants_ints ? ints.empty() : floats.empty()) {
    fail(ErrorCode::invalid_model, "an input of type {} needs the attribute '{}'", dtype_name(dtype),
         wants_ints ? "imputed_value_int64s" : "imputed_value_floats");
  }
  if (wants_ints) {
    dispatch(Types<int64_t, int32_t>{}, dtype,
             [&]<class T>() { impute<T, int64_t>(c, ints, c.attr_int("replaced_value_int64")); });
  } else {
    dispatch(Types<float, double>{}, dtype,
             [&]<class T>() { impute<T, float>(c, floats, c.attr_float("replaced_value_float")); });
  }
}

}  // namespace

extern const OpDef imputer_op{"ai.onnx.ml", "Imputer", imputer_versions, infer_same_as_first, eval_imputer};

}  // namespace kiln::ops
