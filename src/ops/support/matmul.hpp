#pragma once

#include "ops/support/gemm.hpp"

namespace kiln::ops {

/// Sets output 0 to `dtype` and the shape of numpy's matmul of inputs `a` and `b`.
void infer_matmul(InferContext& context, size_t a, size_t b, DType dtype);

/// numpy's matmul of two shapes as a batch of matrix products.
struct MatmulPlan {
  MatmulPlan(const Shape& a, const Shape& b);

  Shape output;
  GemmShape shape;
  std::vector<int64_t> a_offsets, b_offsets;  ///< where each product's operands begin, in elements
};

/// gemm() over a plan. left(offset, count, to) and right(offset, count, to) write runs of the elements of A and of B,
/// as many from an offset into the whole tensor.
template <class T, class Left, class Right>
void matmul(EvalContext& context, const MatmulPlan& plan, Left&& left, Right&& right, T* out) {
  gemm<T>(
      context, plan.shape,
      [&](int64_t batch, int64_t row, int64_t begin, int64_t count, T* to) {
        left(plan.a_offsets[static_cast<size_t>(batch)] + row * plan.shape.k + begin, count, to);
      },
      [&](int64_t batch, int64_t row, int64_t begin, int64_t count, T* to) {
        right(plan.b_offsets[static_cast<size_t>(batch)] + row * plan.shape.n + begin, count, to);
      },
      out);
}

}  // namespace kiln::ops
