#pragma once

#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {

/// The float type that `stash_type` names: what the first stage of a normalisation rounds each of its steps to.
inline DType stash_type_of(const NodeView& node) {
  const int64_t number = node.attr_int("stash_type", static_cast<int64_t>(DType::f32));
  switch (number) {
    case static_cast<int64_t>(DType::f32):
    case static_cast<int64_t>(DType::f16):
    case static_cast<int64_t>(DType::f64):
    case static_cast<int64_t>(DType::bf16): return static_cast<DType>(number);
    default: fail(ErrorCode::invalid_argument, "stash_type must be 1, 10, 11 or 16 (a float type), found {}", number);
  }
}

/// Mean and 1 / sqrt(variance + epsilon), as U holds them.
template <class U>
struct Standard {
  U mean, inverse_deviation;
};

template <class U, class T>
Standard<U> standard_of(const T* elements, int64_t count, float epsilon) {
  double sum = 0, squares = 0;
  in_pieces(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum += static_cast<double>(static_cast<U>(elements[i]));
  });
  const U mean = static_cast<U>(sum / static_cast<double>(count));
  in_pieces(count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const U deviation = static_cast<U>(static_cast<U>(elements[i]) - mean);
      squares += static_cast<double>(static_cast<U>(deviation * deviation));
    }
  });
  const U variance = static_cast<U>(squares / static_cast<double>(count));
  const U shifted = static_cast<U>(variance + static_cast<U>(epsilon));
  return {mean, static_cast<U>(1 / static_cast<U>(std::sqrt(shifted)))};
}

/// An element standardised in U and rounded to its own type.
template <class U, class T>
T standardize(T element, const Standard<U>& standard) {
  const U deviation = static_cast<U>(static_cast<U>(element) - standard.mean);
  return static_cast<T>(static_cast<U>(deviation * standard.inverse_deviation));
}

}  // namespace kiln::ops
