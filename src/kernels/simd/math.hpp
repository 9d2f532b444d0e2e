#pragma once

#include "kernels/simd/vec.hpp"

/// Functions of a register. Errors are relative to the exact result unless said otherwise; NaN gives NaN.
namespace kiln {

/// c[0] + c[1] x + c[2] x^2 + ...
template <int count, class V>
[[gnu::always_inline]] inline V polynomial(V x, const float (&c)[count]) {
  V y = V::all(c[count - 1]);
  for (int i = count - 2; i >= 0; --i) y = fma(y, x, V::all(c[i]));
  return y;
}

/// Within 2e-7; overflows to infinity, underflows through the denormals to 0.
template <class V>
[[gnu::always_inline]] inline V exp(V x) {
  x = min(V::all(89.0f), max(V::all(-104.0f), x));
  const V n = round(x * V::all(0x1.715476p0f));
  // ln 2 in two parts, the first with few bits, so that n times it is exact.
  const V r = fma(n, V::all(-0x1.7f7d1cp-20f), fma(n, V::all(-0x1.62e4p-1f), x));
  constexpr float taylor[] = {1.0f, 1.0f, 1 / 2.0f, 1 / 6.0f, 1 / 24.0f, 1 / 120.0f, 1 / 720.0f, 1 / 5040.0f};
  const V half = round(n * V::all(0.5f));
  return polynomial(r, taylor) * power_of_2(half) * power_of_2(n - half);
}

/// Within 3e-7.
template <class V>
[[gnu::always_inline]] inline V sigmoid(V x) {
  return V::all(1.0f) / (V::all(1.0f) + exp(V::all(0.0f) - x));
}

/// Within 3e-7.
template <class V>
[[gnu::always_inline]] inline V tanh(V x) {
  constexpr float near_zero[] = {1.0f, -0.33333253f, 0.13330957f, -0.05370707f, 0.02054491f, -0.00560769f};
  const V z = x * x, magnitude = abs(x);
  const V large = V::all(1.0f) - V::all(2.0f) / (exp(magnitude + magnitude) + V::all(1.0f));
  return V::select(z < V::all(0.4f), x * polynomial(z, near_zero), copy_sign(large, x));
}

/// Within 3e-7.
template <class V>
[[gnu::always_inline]] inline V erf(V x) {
  constexpr float near_zero[] = {1.12837917f,    -3.76126269e-1f, 1.12835975e-1f, -2.68543288e-2f,
                                 5.18931194e-3f, -8.01885500e-4f, 7.88249712e-5f};
  // -log(erfc(x)) on [0.9, 4.1], beyond which erf is 1 in f32.
  constexpr float log_erfc[] = {-2.87458570e-4f, 1.13009967f,     6.32057031e-1f, 1.09860183e-1f, -2.62947169e-2f,
                                4.71457692e-3f,  -5.87088190e-4f, 4.48932292e-5f, -1.57766354e-6f};
  const V z = x * x, magnitude = min(V::all(4.1f), abs(x));
  const V large = V::all(1.0f) - exp(V::all(0.0f) - polynomial(magnitude, log_erfc));
  return V::select(z < V::all(1.0f), x * polynomial(z, near_zero), copy_sign(large, x));
}

}  // namespace kiln
