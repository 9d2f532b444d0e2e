#include <cmath>

#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/dtype_attribute.hpp"
#include "ops/support/quantization.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText quantize_linear_versions[] = {
    {10, "x:T1 y_scale:f32 y_zero_point?:T2 -> y:T2", "", "T1=f32,i32 T2=i8,u8"},
    {13, "x:T1 y_scale:f32 y_zero_point?:T2 -> y:T2", "axis:int=1", "T1=f32,i32 T2=i8,u8"},
    {19, "x:T1 y_scale:T1 y_zero_point?:T2 -> y:T2", "axis:int=1 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=float8,i8,u8"},
    {21, "x:T1 y_scale:T1 y_zero_point?:T2 -> y:T2", "axis:int=1 block_size:int=0 output_dtype:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=float8,i8,u8,i16,u16,u4,i4"},
    {23, "x:T1 y_scale:T2 y_zero_point?:T3 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0 precision:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=f32,f16,bf16,i32 T3=float8,i8,u8,i16,u16,u4,i4,f4e2m1"},
    {24, "x:T1 y_scale:T2 y_zero_point?:T3 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0 precision:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=f32,f16,bf16,i32,f8e8m0 T3=float8,i8,u8,i16,u16,u4,i4,f4e2m1"},
    {25, "x:T1 y_scale:T2 y_zero_point?:T3 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0 precision:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=f32,f16,bf16,i32,f8e8m0 T3=float8,i8,u8,i16,u16,u4,i4,f4e2m1,u2,i2"},
    {28, "x:T1 y_scale:T2 y_zero_point?:T3 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0 precision:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=f32,f16,bf16,i32,f8e8m0 T3=float8,i8,u8,i16,u16,u4,i4,f4e2m1,u2,i2,f6e2m3,f6e3m2"},
};

/// The output's type: the zero point's, or the attribute's, or u8. Undefined while the zero point's is not known.
DType output_dtype(const NodeView& node, bool has_zero_point, DType zero_point) {
  const bool has_attribute = node.schema().find_attribute("output_dtype") != nullptr;
  const DType asked = has_attribute ? dtype_attribute(node, "output_dtype") : DType::undefined;
  if (!has_zero_point) return asked == DType::undefined ? DType::u8 : asked;
  if (asked != DType::undefined && zero_point != DType::undefined && asked != zero_point) {
    fail(ErrorCode::invalid_argument, "attribute 'output_dtype' asks for {}, but the zero point is of type {}",
         dtype_name(asked), dtype_name(zero_point));
  }
  return zero_point == DType::undefined ? asked : zero_point;
}

/// The type that x is divided in: the attribute's, or else the scale's where it is one to divide in.
DType division_dtype(const NodeView& node, DType scale) {
  const auto asked = static_cast<DType>(node.attr_int("precision", 0));
  if (node.attr_int("precision", 0) != 0 && asked != DType::f32 && asked != DType::f16 && asked != DType::bf16) {
    fail(ErrorCode::invalid_model, "attribute 'precision' is {}, expected f32, f16 or bf16",
         node.attr_int("precision"));
  }
  if (asked != DType::undefined) return asked;
  if (scale == DType::i32) return DType::f64;
  return scale == DType::f8e8m0 ? DType::f32 : scale;
}

void infer_quantize_linear(InferContext& c) {
  const DType dtype = output_dtype(c, c.has_input(2), c.dtype(2));
  if (c.dtype(1) != DType::undefined) division_dtype(c, c.dtype(1));
  check_parameter_shapes(c);
  c.set_output(0, dtype, c.shape(0) ? std::optional(*c.shape(0)) : std::nullopt);
}

/// Rounds, shifts and saturates to the integers of `dtype`; the processor's default rounding is to even.
template <class Precision, class Wide>
void quantize_to_integers(EvalContext& c, const std::vector<Operand>& operands, Tensor& y) {
  const int bits = static_cast<int>(dtype_bits(y.dtype()));
  const bool is_signed = is_signed_int(y.dtype());
  const double low = is_signed ? -std::ldexp(1.0, bits - 1) : 0;
  const double high = std::ldexp(1.0, is_signed ? bits - 1 : bits) - 1;
  map_elements<int64_t, Wide, Wide, int64_t>(c, operands, y, [=](Wide x, Wide scale, int64_t zero_point) {
    const auto quotient = static_cast<Wide>(Precision(x / scale));
    const double value = std::nearbyint(static_cast<double>(quotient)) + static_cast<double>(zero_point);
    return static_cast<int64_t>(value > low ? std::fmin(value, high) : low);
  });
}

template <class Precision, class Wide>
void quantize_to_floats(EvalContext& c, const std::vector<Operand>& operands, Tensor& y) {
  CastRules rules;
  rules.saturate = c.attr_int("saturate", 1) != 0;
  map_elements<float, Wide, Wide, float>(
      c, operands, y,
      [](Wide x, Wide scale, float zero_point) {
        const auto quotient = static_cast<Wide>(Precision(x / scale));
        // Adding zero would lose the sign of a zero.
        return static_cast<float>(zero_point == 0 ? quotient : static_cast<Wide>(Precision(quotient + zero_point)));
      },
      rules);
}

void eval_quantize_linear(EvalContext& c) {
  const Tensor& x = c.input(0);
  const DType dtype = output_dtype(c, c.has_input(2), c.has_input(2) ? c.input(2).dtype() : DType::undefined);
  const DType precision = division_dtype(c, c.input(1).dtype());
  const Tensor dividend = convert(c, x, precision);
  const QuantizationParameter scale = spread_parameter(c, convert(c, c.input(1), precision), x.shape(), "the scale");
  const QuantizationParameter zero_point =
      spread_parameter(c, c.has_input(2) ? c.input(2) : Tensor(dtype, {}), x.shape(), "the zero point");
  const std::vector<Operand> operands{dividend, scale.operand(), zero_point.operand()};
  Tensor& y = c.output(0, dtype, x.shape());
  dispatch(FloatTypes{}, precision, [&]<class Precision> {
    using Wide = std::conditional_t<std::is_same_v<Precision, double>, double, float>;
    if (is_int(dtype)) {
      quantize_to_integers<Precision, Wide>(c, operands, y);
    } else {
      quantize_to_floats<Precision, Wide>(c, operands, y);
    }
  });
}

}  // namespace

extern const OpDef quantize_linear_op{"", "QuantizeLinear", quantize_linear_versions, infer_quantize_linear,
                                      eval_quantize_linear};

}  // namespace kiln::ops
