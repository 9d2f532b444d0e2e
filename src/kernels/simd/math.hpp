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
  return times_power_of_2(polynomial(r, taylor), n);
}

/// Within 3e-7.
template <class V>
[[gnu::always_inline]] inline V sigmoid(V x) {
  return V::all(1.0f) / (V::all(1.0f) + exp(V::all(0.0f) - x));
}

/// x P(x^2) / Q(x^2), held to [-1, 1]; x is first held to [-far, far].
template <int above, int below, class V>
[[gnu::always_inline]] inline V odd_ratio(V x, float far, const float (&p)[above], const float (&q)[below]) {
  const V held = min(V::all(far), max(V::all(-far), x)), z = held * held;
  const V ratio = held * polynomial(z, p) / polynomial(z, q);
  return min(V::all(1.0f), max(V::all(-1.0f), ratio));
}

/// Within 4e-7; the ratio was fitted for the least relative error.
template <class V>
[[gnu::always_inline]] inline V tanh(V x) {
  constexpr float p[] = {1.0f, 0.133810088f, 0.00349556771f, 2.06087479e-05f, 1.33542093e-08f};
  constexpr float q[] = {1.0f, 0.467143238f, 0.0258769039f, 0.000328560127f, 7.77637069e-07f};
  return odd_ratio(x, 9.0f, p, q);
}

/// Within 4e-7; the ratio was fitted for the least relative error.
template <class V>
[[gnu::always_inline]] inline V erf(V x) {
  constexpr float p[] = {1.12837911f, 0.190404356f, 0.0527484082f, 0.00376551668f, 0.000284878915f, 2.05008291e-06f};
  constexpr float q[] = {1.0f, 0.502074182f, 0.114108205f, 0.0149690164f, 0.00116250827f, 3.8091468e-05f};
  return odd_ratio(x, 3.92f, p, q);
}

}  // namespace kiln
