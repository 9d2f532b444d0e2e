#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/error.hpp"

namespace kiln {

/// a * b, or an Error that names `what` ("the size of tensor 'x'") where the product does not fit.
template <std::integral T>
T checked_mul(T a, std::type_identity_t<T> b, std::string_view what) {
  T result;
  if (__builtin_mul_overflow(a, b, &result)) {
    fail(ErrorCode::limit_exceeded, "{}: {} * {} does not fit in {} bits", what, a, b, sizeof(T) * 8);
  }
  return result;
}

template <std::integral T>
T checked_add(T a, std::type_identity_t<T> b, std::string_view what) {
  T result;
  if (__builtin_add_overflow(a, b, &result)) {
    fail(ErrorCode::limit_exceeded, "{}: {} + {} does not fit in {} bits", what, a, b, sizeof(T) * 8);
  }
  return result;
}

template <std::integral T>
T checked_sub(T a, std::type_identity_t<T> b, std::string_view what) {
  T result;
  if (__builtin_sub_overflow(a, b, &result)) {
    fail(ErrorCode::limit_exceeded, "{}: {} - {} does not fit in {} bits", what, a, b, sizeof(T) * 8);
  }
  return result;
}

/// The value as another integer type, or an Error where it has no such value.
template <std::integral To, std::integral From>
To checked_cast(From value, std::string_view what) {
  To result;
  if (__builtin_add_overflow(value, From{0}, &result)) {
    fail(ErrorCode::limit_exceeded, "{}: {} does not fit in {} {} bits", what, value,
         std::signed_integral<To> ? "signed" : "unsigned", sizeof(To) * 8);
  }
  return result;
}

/// The product of dims that must not be negative; 1 for none. A zero dim gives 0 even where the rest would overflow.
inline int64_t checked_product(std::span<const int64_t> dims, std::string_view what) {
  int64_t product = 1;
  bool empty = false;
  for (const int64_t dim : dims) {
    if (dim < 0) {
      fail(ErrorCode::invalid_argument, "{}: a dim is {}, and must not be negative", what, dim);
    }
    empty |= dim == 0;
  }
  for (const int64_t dim : empty ? std::span<const int64_t>() : dims) {
    product = checked_mul(product, dim, what);
  }
  return empty ? 0 : product;
}

/// An index that may count from the end, as ONNX's axes do: in [-size, size), given back in [0, size).
inline int64_t checked_index(int64_t index, int64_t size, std::string_view what) {
  if (index < -size || index >= size) {
    fail(ErrorCode::invalid_argument, "{}: {} is outside [{}, {})", what, index, -size, size);
  }
  return index < 0 ? index + size : index;
}

/// items[offset, offset + count), or an Error where they do not have that much.
template <class T>
std::span<T> checked_subspan(std::span<T> items, uint64_t offset, uint64_t count, std::string_view what) {
  if (offset > items.size() || count > items.size() - offset) {
    fail(ErrorCode::invalid_data, "{}: {} items at {} were asked for, but there are only {}", what, count, offset,
         items.size());
  }
  return items.subspan(offset, count);
}

/// `value` rounded up to a multiple of `step`.
template <std::integral T>
T checked_round_up(T value, std::type_identity_t<T> step, std::string_view what) {
  return static_cast<T>(checked_add(value, static_cast<T>(step - 1), what) / step * step);
}

}  // namespace kiln
