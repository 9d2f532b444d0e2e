#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText scaler_versions[] = {
    {1, "X:T -> Y:f32", "offset:floats scale:floats", "T=f32,f64,i64,i32"},
};

void infer_scaler(InferContext& c) {
  const size_t offsets = c.attr_floats("offset").size(), scales = c.attr_floats("scale").size();
  if (offsets != 0 && scales != 0 && offsets != scales) {
    fail(ErrorCode::invalid_model, "offset has {} elements and scale {}", offsets, scales);
  }
  Type type = c.type(0);
  if (!type.is_tensor()) type = Type::tensor(DType::f32);
  type.dtype = DType::f32;
  c.set_output(0, std::move(type));
}

/// The attribute as one number for each feature.
std::vector<float> spread(std::span<const float> values, int64_t features, float otherwise, const char* name) {
  if (values.size() <= 1) {
    return std::vector<float>(static_cast<size_t>(features), values.empty() ? otherwise : values[0]);
  }
  if (static_cast<int64_t>(values.size()) != features) {
    fail(ErrorCode::invalid_model, "{} has {} elements, expected 1 or {}", name, values.size(), features);
  }
  return {values.begin(), values.end()};
}

void eval_scaler(EvalContext& c) {
  const Tensor& input = c.input(0);
  const int64_t features = input.rank() == 0 ? 1 : input.dim(-1);
  const std::vector<float> offset = spread(c.attr_floats("offset"), features, 0, "offset");
  const std::vector<float> scale = spread(c.attr_floats("scale"), features, 1, "scale");
  float* to = c.output(0, DType::f32, input.shape()).mutable_data<float>();
  dispatch(Types<float, double, int64_t, int32_t>{}, input.dtype(), [&]<class T>() {
    const T* from = input.data<T>();
    for (int64_t i = 0; i < input.size(); ++i) {
      const auto feature = static_cast<size_t>(i % features);
      using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
      to[i] = static_cast<float>((static_cast<Wide>(from[i]) - offset[feature]) * scale[feature]);
    }
  });
}

}  // namespace

extern const OpDef scaler_op{"ai.onnx.ml", "Scaler", scaler_versions, infer_scaler, eval_scaler};

}  // namespace kiln::ops
