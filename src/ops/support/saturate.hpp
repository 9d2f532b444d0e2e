#pragma once

#include <cmath>
#include <concepts>
#include <limits>

namespace kiln::ops {

/// The value without its fraction, or the nearest that T has; 0 for NaN.
template <std::integral T>
T saturated(double value) {
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min());
  // The largest value plus one is a power of two, exact in double where the largest value itself may not be.
  constexpr double above = 2.0 * static_cast<double>(std::numeric_limits<T>::max() / 2 + 1);
  if (std::isnan(value)) return 0;
  if (value <= low) return std::numeric_limits<T>::min();
  return value >= above ? std::numeric_limits<T>::max() : static_cast<T>(value);
}

/// The same, rounded to the nearest integer, ties to even.
template <std::integral T>
T rounded(double value) {
  return saturated<T>(std::nearbyint(value));
}

}  // namespace kiln::ops
