#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/matmul.hpp"
#include "ops/support/quantized.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText qlinear_matmul_versions[] = {
    {10, "a:T1 a_scale:f32 a_zero_point:T1 b:T2 b_scale:f32 b_zero_point:T2 y_scale:f32 y_zero_point:T3 -> y:T3", "",
     "T1=i8,u8 T2=i8,u8 T3=i8,u8"},
    {21, "a:T1 a_scale:TS a_zero_point:T1 b:T2 b_scale:TS b_zero_point:T2 y_scale:TS y_zero_point:T3 -> y:T3", "",
     "TS=f32,f16,bf16 T1=float8,i8,u8 T2=float8,i8,u8 T3=float8,i8,u8"},
};

enum Input : size_t { a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero };

void infer_qlinear_matmul(InferContext& context) {
  check_zero_point_type(context, a, a_zero);
  check_zero_point_type(context, b, b_zero);
  infer_matmul(context, a, b, context.dtype(y_zero));
}

/// The products of A and B less their zero points: exact in integers, modulo 2^32, or in float for float8.
template <class Sum>
Tensor multiply(EvalContext& context, const MatmulPlan& plan) {
  const Tensor &left = context.input(a), &right = context.input(b);
  const ZeroPoints<Sum> left_zero(context, a_zero, left.shape(), true),
      right_zero(context, b_zero, right.shape(), false);
  using From =
      std::conditional_t<std::is_same_v<Sum, float>, Join<Float8Types, Types<int8_t, uint8_t>>, Types<int8_t, uint8_t>>;
  Tensor sums = context.host().allocate(dtype_of<Sum>, plan.output);
  // One type at a time: the product is taken with calls through the packed rows, not with code for each pair of types.
  const auto reader = [](const Tensor& tensor, const ZeroPoints<Sum>& zero) {
    return [&tensor, &zero](int64_t at, int64_t count, Sum* to) {
      dispatch(From{}, tensor.dtype(), [&]<class T> { zero.subtract(tensor.data<T>(), at, count, to); });
    };
  };
  matmul(context, plan, reader(left, left_zero), reader(right, right_zero), sums.mutable_data<Sum>());
  return sums;
}

/// Scales, shaped to be broadcast to the output.
struct Scale {
  Scale(const EvalContext& context, size_t input, const Shape& output, bool by_row)
      : values(scale_elements(context.input(input))),
        shape(parameter_shape(context.input(input).shape(), output, by_row)) {}
  std::vector<float> values;
  Shape shape;
};

/// Each sum times a_scale * b_scale / y_scale, whose steps round to the scales' type as in numpy.
template <class Sum, class Y>
void requantize(EvalContext& context, const MatmulPlan& plan, const Tensor& sums, Tensor& y) {
  const Scale left(context, a_scale, plan.output, true), right(context, b_scale, plan.output, false),
      result(context, y_scale, plan.output, false);
  const std::vector<float> zeros = quantized_elements<float>(context.input(y_zero));
  const Shape zero_shape = parameter_shape(context.input(y_zero).shape(), plan.output, false);
  const BroadcastPlan rows(plan.output, {left.shape, right.shape, result.shape, zero_shape});
  const Sum* from = sums.data<Sum>();
  Y* to = y.mutable_data<Y>();
  using Signed = std::conditional_t<std::is_same_v<Sum, float>, float, int32_t>;
  dispatch(Types<float, f16, bf16>{}, context.input(a_scale).dtype(), [&]<class S> {
    rows.for_rows(0, y.size(), [&](int64_t at, const int64_t* offsets, int64_t count, const int64_t* steps) {
      const auto pick = [&](const std::vector<float>& list, size_t operand, int64_t i) {
        return list[static_cast<size_t>(offsets[operand] + i * steps[operand])];
      };
      for (int64_t i = 0; i < count; ++i) {
        const S factor = S(S(pick(left.values, 0, i) * pick(right.values, 1, i)) / pick(result.values, 2, i));
        const double value = static_cast<double>(static_cast<Signed>(from[at + i])) * static_cast<double>(factor);
        to[at + i] = quantize<Y>(value, pick(zeros, 3, i));
      }
    });
  });
}

void eval_qlinear_matmul(EvalContext& context) {
  const MatmulPlan plan(context.input(a).shape(), context.input(b).shape());
  const DType type = context.input(y_zero).dtype();
  const auto is_float8 = [](const Tensor& tensor) { return is_float(tensor.dtype()); };
  const bool in_float = is_float8(context.input(a)) || is_float8(context.input(b));
  const Tensor sums = in_float ? multiply<float>(context, plan) : multiply<uint32_t>(context, plan);
  Tensor& y = context.output(0, type, plan.output);
  dispatch(Join<Types<int8_t, uint8_t>, Float8Types>{}, type, [&]<class Y> {
    if (in_float) {
      requantize<float, Y>(context, plan, sums, y);
    } else {
      requantize<uint32_t, Y>(context, plan, sums, y);
    }
  });
}

}  // namespace

extern const OpDef qlinear_matmul_op{"", "QLinearMatMul", qlinear_matmul_versions, infer_qlinear_matmul,
                                     eval_qlinear_matmul};

}  // namespace kiln::ops
