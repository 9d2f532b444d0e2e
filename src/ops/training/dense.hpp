#pragma once

#include <vector>

#include "base/function_ref.hpp"
#include "ops/context.hpp"

namespace kiln::ops {

/// A tensor of doubles. Gradients are computed in them whatever the model's types, and rounded once at the end.
struct Dense {
  Shape shape;
  std::vector<double> at;

  explicit Dense(Shape shape_, double value = 0);
  explicit Dense(const Tensor& tensor);
  Tensor as(DType dtype, EvalHost& host) const;
  int64_t size() const { return static_cast<int64_t>(at.size()); }
};

/// A tensor of an integer type (axes, indices, exponents) as doubles.
Dense integers(const Tensor& tensor);

/// f(a, b) for each pair of elements, with broadcasting.
Dense combine(const Dense& a, const Dense& b, FunctionRef<double(double, double)> f);
Dense operator+(const Dense& a, const Dense& b);
Dense operator-(const Dense& a, const Dense& b);
Dense operator*(const Dense& a, const Dense& b);
Dense operator*(const Dense& a, double factor);

Dense reshape(Dense tensor, const Shape& shape);
Dense broadcast_to(const Dense& tensor, const Shape& shape);
/// The reverse of broadcast_to: what was repeated is summed.
Dense sum_to(const Dense& tensor, const Shape& shape);
Dense permute(const Dense& tensor, const std::vector<int64_t>& order);
/// Swaps the last two axes.
Dense transpose_matrices(const Dense& tensor);
/// numpy's matmul of tensors of at least two axes.
Dense multiply_matrices(const Dense& a, const Dense& b);

}  // namespace kiln::ops
