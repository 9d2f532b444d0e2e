#include <type_traits>

#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/matmul.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText matmul_versions[] = {
    {1, "A:T B:T -> Y:T", "", "T=real"},
    {9, "A:T B:T -> Y:T", "", "T=real,u32,u64,i32,i64"},
    {13, "A:T B:T -> Y:T", "", "T=real,u32,u64,i32,i64,bf16"},
};

void infer_matmul_op(InferContext& context) { infer_matmul(context, 0, 1, context.dtype(0)); }

/// T is the elements' type, or the unsigned type of their size: products and sums wrap alike in both.
template <class T>
void multiply(EvalContext& context, const MatmulPlan& plan, const T* a, const T* b, T* y) {
  using Sum = GemmType<T>;
  const int64_t size = element_count(plan.output);
  Tensor sums;
  Sum* to = nullptr;
  if constexpr (std::is_same_v<Sum, T>) {
    to = y;
  } else {
    sums = context.host().allocate(dtype_of<Sum>, plan.output);
    to = sums.mutable_data<Sum>();
  }
  matmul(
      context, plan, [&](int64_t at, int64_t count, Sum* out) { copy_run(a + at, 1, count, out); },
      [&](int64_t at, int64_t count, Sum* out) { copy_run(b + at, 1, count, out); }, to);
  if constexpr (!std::is_same_v<Sum, T>) {
    context.parallel_for(size, 32768, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) y[i] = T(to[i]);
    });
  }
}

void eval_matmul(EvalContext& context) {
  const Tensor &a = context.input(0), &b = context.input(1);
  const MatmulPlan plan(a.shape(), b.shape());
  Tensor& y = context.output(0, a.dtype(), plan.output);
  dispatch(Join<FloatTypes, Types<int32_t, int64_t, uint32_t, uint64_t>>{}, a.dtype(), [&]<class T> {
    if constexpr (std::is_signed_v<T> && std::is_integral_v<T>) {
      using Wrapping = std::make_unsigned_t<T>;
      multiply(context, plan, reinterpret_cast<const Wrapping*>(a.data<T>()),
               reinterpret_cast<const Wrapping*>(b.data<T>()), reinterpret_cast<Wrapping*>(y.mutable_data<T>()));
    } else {
      multiply(context, plan, a.data<T>(), b.data<T>(), y.mutable_data<T>());
    }
  });
}

}  // namespace

extern const OpDef matmul_op{"", "MatMul", matmul_versions, infer_matmul_op, eval_matmul};

}  // namespace kiln::ops
