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
  constexpr float terms[] = {1.0f, 1.0f, 0.5f, 0.16666543f, 0.04166628f, 0.008366583f, 0.0013946445f};
  return times_power_of_2(polynomial(r, terms), n);
}

/// exp(x) for x in [-88, 89], within 4e-7; infinity at the upper end.
template <class V>
[[gnu::always_inline]] inline V exp_within(V x) {
  // Added to a number, this leaves the nearest integer in the low bits.
  const V magic = V::all(0x1.8p23f), shifted = fma(x, V::all(0x1.715476p0f), magic), n = shifted - magic;
  V r = x;
  if constexpr (V::fuses) {
    r = fma(n, V::all(-0x1.62e43p-1f), x);
  } else {
    r = fma(n, V::all(-0x1.7f7d1cp-20f), fma(n, V::all(-0x1.62e4p-1f), x));
  }
  constexpr float terms[] = {1.0f, 1.0f, 0.49999231f, 0.16667116f, 0.04189033f, 0.008312502f};
  return times_shifted_power_of_2(polynomial(r, terms), n, shifted);
}

/// 1 + exp(-x), infinity for numbers far below 0.
template <class V>
[[gnu::always_inline]] inline V one_plus_exp_minus(V x) {
  return V::all(1.0f) + exp_within(min(V::all(89.0f), max(V::all(-88.0f), V::all(0.0f) - x)));
}

/// Within 5e-7.
template <class V>
[[gnu::always_inline]] inline V sigmoid(V x) {
  return V::all(1.0f) / one_plus_exp_minus(x);
}

/// x P(x^2) / Q(x^2), which is above 1 at `far` with any rounding, so that it stays 1 (or -1) from there on.
template <int p_count, int q_count, class V>
[[gnu::always_inline]] inline V odd_fraction(V x, float far, const float (&p)[p_count], const float (&q)[q_count]) {
  const V one = V::all(1.0f);
  x = min(V::all(far), max(V::all(-far), x));
  const V z = x * x, y = x * polynomial(z, p) / polynomial(z, q);
  return min(one, max(V::all(-1.0f), y));
}

/// Within 4e-7.
template <class V>
[[gnu::always_inline]] inline V tanh(V x) {
  constexpr float p[] = {1.0f, 0.13381027f, 0.0034955884f, 2.060909e-5f, 1.3354672e-8f};
  constexpr float q[] = {1.0f, 0.46714342f, 0.025876984f, 0.00032856356f, 7.776562e-7f};
  return odd_fraction(x, 9.4f, p, q);
}

/// Within 4e-7.
template <class V>
[[gnu::always_inline]] inline V erf(V x) {
  constexpr float p[] = {1.1283791f, 0.19078422f, 0.05279034f, 0.003779626f, 0.000284809f, 2.0419682e-6f};
  constexpr float q[] = {1.0f, 0.5024108f, 0.114257686f, 0.014997472f, 0.0011652168f, 3.800407e-5f};
  return odd_fraction(x, 4.06f, p, q);
}

}  // namespace kiln
