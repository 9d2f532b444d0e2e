#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/matmul.hpp"
#include "ops/support/quantized.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText matmul_integer_versions[] = {
    {10, "A:T1 B:T2 a_zero_point?:T1 b_zero_point?:T2 -> Y:T3", "", "T1=i8,u8 T2=i8,u8 T3=i32"},
};

void infer_matmul_integer(InferContext& context) { infer_matmul(context, 0, 1, DType::i32); }

void eval_matmul_integer(EvalContext& context) {
  const Tensor &a = context.input(0), &b = context.input(1);
  const MatmulPlan plan(a.shape(), b.shape());
  const ZeroPoints<uint32_t> a_zero(context, 2, a.shape(), true), b_zero(context, 3, b.shape(), false);
  Tensor& y = context.output(0, DType::i32, plan.output);
  auto* sums = reinterpret_cast<uint32_t*>(y.mutable_data<int32_t>());
  using Bytes = Types<int8_t, uint8_t>;
  dispatch(Bytes{}, a.dtype(), [&]<class A> {
    dispatch(Bytes{}, b.dtype(), [&]<class B> {
      matmul(
          context, plan, [&](int64_t at, int64_t count, uint32_t* to) { a_zero.subtract(a.data<A>(), at, count, to); },
          [&](int64_t at, int64_t count, uint32_t* to) { b_zero.subtract(b.data<B>(), at, count, to); }, sums);
    });
  });
}

}  // namespace

extern const OpDef matmul_integer_op{"", "MatMulInteger", matmul_integer_versions, infer_matmul_integer,
                                     eval_matmul_integer};

}  // namespace kiln::ops
