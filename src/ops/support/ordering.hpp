#pragma once

#include <complex>
#include <type_traits>

namespace kiln::ops {

template <class T>
bool is_nan(const T& value) {
  if constexpr (std::is_convertible_v<T, float> && !std::is_integral_v<T>) {
    return value != value;
  } else {
    return false;
  }
}
template <class T>
bool is_nan(const std::complex<T>& value) {
  return is_nan(value.real()) || is_nan(value.imag());
}

/// The order that numpy sorts in: NaN is above all else and equal to itself, complex numbers go by their real part,
/// then by their imaginary part.
template <class T>
bool sorts_before(const T& a, const T& b) {
  if (is_nan(a)) return false;
  return is_nan(b) || a < b;
}
template <class T>
bool sorts_before(const std::complex<T>& a, const std::complex<T>& b) {
  if (is_nan(a) || is_nan(b)) return !is_nan(a);
  return a.real() != b.real() ? a.real() < b.real() : a.imag() < b.imag();
}

}  // namespace kiln::ops
