#pragma once

#include <cmath>
#include <optional>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/saturate.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {

/// Fails unless a zero point has the element type of the tensor it belongs to.
void check_zero_point_type(const InferContext& context, size_t tensor, size_t zero_point);

/// The elements of a tensor of 8-bit integers or float8 as T.
template <class T>
std::vector<T> quantized_elements(const Tensor& tensor) {
  return dispatch(Join<Types<int8_t, uint8_t>, Float8Types>{}, tensor.dtype(), [&]<class From> {
    const auto elements = tensor.elements<From>();
    return std::vector<T>(elements.begin(), elements.end());
  });
}

/// The elements of a tensor of f32, f16 or bf16.
std::vector<float> scale_elements(const Tensor& tensor);

/// The shape that a parameter (a scale, a zero point) of a matrix must broadcast from: a list of a left matrix has one
/// number for each row, one of a right matrix one for each column. Fails when it does not fit `matrices`.
Shape parameter_shape(const Shape& parameter, const Shape& matrices, bool by_row);

/// Zero points of a matrix (or a batch of them) as a whole, by row or by column. T is uint32_t, which wraps, or float.
template <class T>
class ZeroPoints {
  using Number = std::conditional_t<std::is_same_v<T, float>, float, int32_t>;

 public:
  ZeroPoints(const EvalContext& context, size_t input, const Shape& matrices, bool by_row) {
    if (!context.has_input(input)) return;
    const Tensor& tensor = context.input(input);
    values_ = quantized_elements<Number>(tensor);
    if (tensor.size() == 1) return;
    plan_.emplace(matrices, std::vector<Shape>{parameter_shape(tensor.shape(), matrices, by_row)});
  }

  /// to[i] = elements[at + i] - its zero point
  template <class From>
  void subtract(const From* elements, int64_t at, int64_t count, T* to) const {
    if (!plan_) {
      const Number zero = values_.empty() ? Number{} : values_[0];
      for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(static_cast<Number>(elements[at + i]) - zero);
      return;
    }
    plan_->for_rows(at, at + count, [&](int64_t from, const int64_t* offsets, int64_t run, const int64_t* steps) {
      for (int64_t i = 0; i < run; ++i) {
        const Number zero = values_[static_cast<size_t>(offsets[0] + i * steps[0])];
        to[from - at + i] = static_cast<T>(static_cast<Number>(elements[from + i]) - zero);
      }
    });
  }

 private:
  std::vector<Number> values_;
  std::optional<BroadcastPlan> plan_;
};

/// value + zero_point as T: rounded to the nearest integer, ties to even, before the zero point is added, and
/// saturated. A float8 rounds once, in its own cast.
template <class T>
T quantize(double value, double zero_point) {
  if constexpr (std::is_integral_v<T>) {
    return saturated<T>(std::nearbyint(value) + zero_point);
  } else {
    return cast_float<T>(static_cast<float>(value + zero_point), true);
  }
}

}  // namespace kiln::ops
