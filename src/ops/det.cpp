#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText det_versions[] = {
    {11, "X:T -> Y:T", "", "T=real"},
    {22, "X:T -> Y:T", "", "T=real,bf16"},
};

void infer_det(InferContext& context) {
  context.set_output(0, context.dtype(0));
  if (!context.shape(0)) return;
  const SymShape& shape = *context.shape(0);
  if (shape.size() < 2) {
    fail(ErrorCode::invalid_argument, "the input must have at least 2 axes, found shape {}", to_string(shape));
  }
  merge_dims(shape[shape.size() - 2], shape.back(), "rows and columns of a square matrix");
  context.set_output(0, context.dtype(0), SymShape(shape.begin(), shape.end() - 2));
}

/// By elimination with row exchanges; `matrix` is overwritten.
double determinant(std::vector<double>& matrix, size_t n) {
  double result = 1;
  for (size_t column = 0; column < n; ++column) {
    size_t pivot = column;
    for (size_t row = column + 1; row < n; ++row) {
      if (std::fabs(matrix[row * n + column]) > std::fabs(matrix[pivot * n + column])) pivot = row;
    }
    const double top = matrix[pivot * n + column];
    if (top == 0) return 0;
    if (pivot != column) {
      std::swap_ranges(&matrix[pivot * n], &matrix[pivot * n] + n, &matrix[column * n]);
      result = -result;
    }
    result *= top;
    for (size_t row = column + 1; row < n; ++row, stop_point(static_cast<int64_t>(n))) {
      const double factor = matrix[row * n + column] / top;
      for (size_t k = column; k < n; ++k) matrix[row * n + k] -= factor * matrix[column * n + k];
    }
  }
  return result;
}

void eval_det(EvalContext& context) {
  const Tensor& x = context.input(0);
  if (x.rank() < 2 || x.dim(-1) != x.dim(-2)) {
    fail(ErrorCode::invalid_argument, "the input must be square matrices, found shape {}", to_string(x.shape()));
  }
  const auto n = static_cast<size_t>(x.dim(-1));
  Tensor& y = context.output(0, x.dtype(), Shape(x.shape().begin(), x.shape().end() - 2));
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> {
    const T* from = x.data<T>();
    T* to = y.mutable_data<T>();
    context.parallel_for(y.size(), static_cast<int64_t>(32768 / (n * n * n + 1) + 1), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T* matrix = from + static_cast<size_t>(i) * n * n;
        std::vector<double> copy(matrix, matrix + n * n);
        to[i] = T(determinant(copy, n));
      }
    });
  });
}

}  // namespace

extern const OpDef det_op{"", "Det", det_versions, infer_det, eval_det};

}  // namespace kiln::ops
