#include <algorithm>
#include <cmath>

#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dynamic_quantize_linear_versions[] = {
    {11, "x:T1 -> y:T2 y_scale:f32 y_zero_point:T2", "", "T1=f32 T2=u8"},
};

void infer_dynamic_quantize_linear(InferContext& c) {
  c.set_output(0, DType::u8, c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
  c.set_output(1, DType::f32, SymShape{});
  c.set_output(2, DType::u8, SymShape{});
}

void eval_dynamic_quantize_linear(EvalContext& c) {
  const Tensor& x = c.input(0);
  // The range always has zero in it, so that zero is represented exactly.
  float low = 0, high = 0;
  for (const float value : x.elements<float>()) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  const float scale = (low == high ? 1.0f : high - low) / 255.0f;
  const auto saturated = [](float value) { return value > 0 ? std::fmin(value, 255.0f) : 0.0f; };
  const float zero_point = std::nearbyint(saturated(-low / scale));
  Tensor& y = c.output(0, DType::u8, x.shape());
  map_elements<int64_t, float>(c, {x}, y, [=](float value) {
    return static_cast<int64_t>(saturated(std::nearbyint(value / scale) + zero_point));
  });
  c.set_output(1, Tensor::scalar(scale));
  c.set_output(2, Tensor::scalar(static_cast<uint8_t>(zero_point)));
}

}  // namespace

extern const OpDef dynamic_quantize_linear_op{"", "DynamicQuantizeLinear", dynamic_quantize_linear_versions,
                                              infer_dynamic_quantize_linear, eval_dynamic_quantize_linear};

}  // namespace kiln::ops
