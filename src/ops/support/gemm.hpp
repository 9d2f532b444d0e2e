#pragma once

#include "base/function_ref.hpp"
#include "ops/context.hpp"

namespace kiln::ops {

/// Where the elements of a matrix come from: writes elements [begin, begin + count) of a row of one of the batch's
/// matrices to `to`. Called from several threads.
template <class T>
using MatrixRows = FunctionRef<void(int64_t batch, int64_t row, int64_t begin, int64_t count, T* to)>;

struct GemmShape {
  int64_t batches, m, n, k;
};

/// out[batch][m][n] = A[batch][m][k] * B[batch][k][n], all of out dense. T is float, double, uint32_t or uint64_t; the
/// integers wrap, and so serve the signed ones too. Each element is summed in the order of k, in blocks of 256 whose
/// sums are then added, whatever the number of threads and the machine.
template <class T>
void gemm(EvalContext& context, const GemmShape& shape, MatrixRows<T> a, MatrixRows<T> b, T* out);

extern template void gemm(EvalContext&, const GemmShape&, MatrixRows<float>, MatrixRows<float>, float*);
extern template void gemm(EvalContext&, const GemmShape&, MatrixRows<double>, MatrixRows<double>, double*);
extern template void gemm(EvalContext&, const GemmShape&, MatrixRows<uint32_t>, MatrixRows<uint32_t>, uint32_t*);
extern template void gemm(EvalContext&, const GemmShape&, MatrixRows<uint64_t>, MatrixRows<uint64_t>, uint64_t*);

/// The type that gemm() multiplies elements of type T in.
template <class T>
using GemmType = std::conditional_t<
    std::is_same_v<T, double>, double,
    std::conditional_t<!std::is_integral_v<T>, float, std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>>>;

/// A run of elements `step` apart, as elements of another type.
template <class From, class To>
void copy_run(const From* from, int64_t step, int64_t count, To* to) {
  if (step == 1) {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i * step]);
  }
}

}  // namespace kiln::ops
