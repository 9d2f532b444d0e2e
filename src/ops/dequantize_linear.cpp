#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/dtype_attribute.hpp"
#include "ops/support/quantization.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dequantize_linear_versions[] = {
    {10, "x:T x_scale:f32 x_zero_point?:T -> y:f32", "", "T=i8,u8,i32"},
    {13, "x:T x_scale:f32 x_zero_point?:T -> y:f32", "axis:int=1", "T=i8,u8,i32"},
    {19, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T2", "axis:int=1", "T1=float8,i8,u8,i32 T2=f32,f16,bf16"},
    {21, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T2", "axis:int=1 block_size:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4 T2=f32,f16,bf16"},
    {23, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T3", "axis:int=1 block_size:int=0 output_dtype:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4,f4e2m1 T2=f32,f16,bf16 T3=f32,f16,bf16"},
    {24, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T3", "axis:int=1 block_size:int=0 output_dtype:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4,f4e2m1 T2=f32,f16,bf16,f8e8m0 T3=f32,f16,bf16"},
    {25, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T3", "axis:int=1 block_size:int=0 output_dtype:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4,f4e2m1,u2,i2 T2=f32,f16,bf16,f8e8m0 T3=f32,f16,bf16"},
    {28, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T3", "axis:int=1 block_size:int=0 output_dtype:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4,f4e2m1,u2,i2,f6e2m3,f6e3m2 T2=f32,f16,bf16,f8e8m0 T3=f32,f16,bf16"},
};

DType output_dtype(const NodeView& node, DType scale) {
  const bool has_attribute = node.schema().find_attribute("output_dtype") != nullptr;
  const DType asked = has_attribute ? dtype_attribute(node, "output_dtype") : DType::undefined;
  return asked == DType::undefined ? scale : asked;
}

void infer_dequantize_linear(InferContext& c) {
  check_parameter_shapes(c);
  c.set_output(0, output_dtype(c, c.dtype(1)), c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
}

// (x - zero point) is exact in integers; the product is rounded once to the output's type.
void eval_dequantize_linear(EvalContext& c) {
  const Tensor& x = c.input(0);
  const DType dtype = output_dtype(c, c.input(1).dtype());
  if (c.has_input(2) && c.input(2).dtype() != x.dtype()) {
    fail(ErrorCode::invalid_argument, "the zero point is of type {}, and must be of the input's type {}",
         dtype_name(c.input(2).dtype()), dtype_name(x.dtype()));
  }
  const QuantizationParameter scale = spread_parameter(c, c.input(1), x.shape(), "the scale");
  const QuantizationParameter zero_point =
      spread_parameter(c, c.has_input(2) ? c.input(2) : Tensor(x.dtype(), {}), x.shape(), "the zero point");
  const std::vector<Operand> operands{x, scale.operand(), zero_point.operand()};
  Tensor& y = c.output(0, dtype, x.shape());
  dispatch_carrier(Types<float, int64_t>{}, x.dtype(), [&]<class T> {
    map_elements<float, T, float, T>(c, operands, y,
                                     [](T v, float s, T zero) { return static_cast<float>(v - zero) * s; });
  });
}

}  // namespace

extern const OpDef dequantize_linear_op{"", "DequantizeLinear", dequantize_linear_versions, infer_dequantize_linear,
                                        eval_dequantize_linear};

}  // namespace kiln::ops
