#include "ops/training/dense.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/broadcast.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {

Dense::Dense(Shape shape_, double value)
    : shape(std::move(shape_)), at(static_cast<size_t>(element_count(shape)), value) {}

Dense::Dense(const Tensor& tensor) : Dense(tensor.shape()) {
  dispatch(FloatTypes{}, tensor.dtype(), [&]<class T>() {
    const T* from = tensor.data<T>();
    for (size_t i = 0; i < at.size(); ++i) at[i] = static_cast<double>(from[i]);
  });
}

Tensor Dense::as(DType dtype, EvalHost& host) const {
  Tensor tensor = host.allocate(dtype, shape);
  dispatch(FloatTypes{}, dtype, [&]<class T>() {
    T* to = tensor.mutable_data<T>();
    for (size_t i = 0; i < at.size(); ++i) to[i] = static_cast<T>(at[i]);
  });
  return tensor;
}

Dense integers(const Tensor& tensor) {
  Dense result(tensor.shape());
  dispatch(IntTypes{}, tensor.dtype(), [&]<class T>() {
    const T* from = tensor.data<T>();
    for (size_t i = 0; i < result.at.size(); ++i) result.at[i] = static_cast<double>(from[i]);
  });
  return result;
}

Dense combine(const Dense& a, const Dense& b, FunctionRef<double(double, double)> f) {
  Dense result(broadcast_shapes(a.shape, b.shape));
  const BroadcastPlan plan(result.shape, {a.shape, b.shape});
  broadcast_binary(plan, a.at.data(), b.at.data(), result.at.data(), 0, plan.size(), f);
  return result;
}

Dense operator+(const Dense& a, const Dense& b) { return combine(a, b, std::plus<>()); }
Dense operator-(const Dense& a, const Dense& b) { return combine(a, b, std::minus<>()); }
Dense operator*(const Dense& a, const Dense& b) { return combine(a, b, std::multiplies<>()); }
Dense operator*(const Dense& a, double factor) {
  Dense result = a;
  for (double& element : result.at) element *= factor;
  return result;
}

Dense reshape(Dense tensor, const Shape& shape) {
  if (element_count(shape) != tensor.size()) {
    fail(ErrorCode::internal, "a gradient of shape {} does not fit {}", to_string(tensor.shape), to_string(shape));
  }
  tensor.shape = shape;
  return tensor;
}

Dense broadcast_to(const Dense& tensor, const Shape& shape) {
  return combine(tensor, Dense(shape), [](double a, double) { return a; });
}

Dense sum_to(const Dense& tensor, const Shape& shape) {
  if (tensor.shape == shape) return tensor;
  Dense result(shape);
  const BroadcastPlan plan(tensor.shape, {shape});
  plan.for_rows(0, plan.size(), [&](int64_t at, const int64_t* offsets, int64_t count, const int64_t* steps) {
    for (int64_t i = 0; i < count; ++i) {
      result.at[static_cast<size_t>(offsets[0] + i * steps[0])] += tensor.at[static_cast<size_t>(at + i)];
    }
  });
  return result;
}

Dense permute(const Dense& tensor, const std::vector<int64_t>& order) {
  const std::vector<int64_t> strides = row_major_strides(tensor.shape);
  Shape shape;
  std::vector<int64_t> steps;
  for (int64_t axis : order) {
    shape.push_back(tensor.shape[static_cast<size_t>(axis)]);
    steps.push_back(strides[static_cast<size_t>(axis)]);
  }
  Dense result(shape);
  std::vector<int64_t> index(order.size(), 0);
  int64_t from = 0;
  for (double& element : result.at) {
    element = tensor.at[static_cast<size_t>(from)];
    for (size_t axis = order.size(); axis-- > 0;) {
      from += steps[axis];
      if (++index[axis] < shape[axis]) break;
      from -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return result;
}

Dense transpose_matrices(const Dense& tensor) {
  std::vector<int64_t> order(tensor.shape.size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permute(tensor, order);
}

Dense multiply_matrices(const Dense& a, const Dense& b) {
  const int64_t rows = a.shape.end()[-2], inner = a.shape.back(), columns = b.shape.back();
  if (b.shape.end()[-2] != inner) {
    fail(ErrorCode::internal, "matrices of shapes {} and {} do not multiply", to_string(a.shape), to_string(b.shape));
  }
  const Shape outer_a(a.shape.begin(), a.shape.end() - 2), outer_b(b.shape.begin(), b.shape.end() - 2);
  Shape shape = broadcast_shapes(outer_a, outer_b);
  const BroadcastPlan plan(shape, {outer_a, outer_b});
  shape.insert(shape.end(), {rows, columns});
  Dense result(shape);
  plan.for_rows(0, plan.size(), [&](int64_t at, const int64_t* offsets, int64_t count, const int64_t* steps) {
    for (int64_t i = 0; i < count; ++i) {
      const double* x = a.at.data() + (offsets[0] + i * steps[0]) * rows * inner;
      const double* y = b.at.data() + (offsets[1] + i * steps[1]) * inner * columns;
      double* to = result.at.data() + (at + i) * rows * columns;
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t k = 0; k < inner; ++k, stop_point(columns)) {
          const double factor = x[row * inner + k];
          for (int64_t column = 0; column < columns; ++column) {
            to[row * columns + column] += factor * y[k * columns + column];
          }
        }
      }
    }
  });
  return result;
}

}  // namespace kiln::ops
