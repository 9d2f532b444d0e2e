#pragma once

#include "kernels/simd/math.hpp"

/// More functions of a register; the arguments that ONNX's operators give special results have them here too.
namespace kiln {

constexpr float chain_infinity = __builtin_inff(), chain_nan = __builtin_nanf("");

/// For normal x above 0; within 2e-7.
template <class V>
[[gnu::always_inline]] inline V log_of_normal(V x) {
  // log(1 + f) = f - f^2 / 2 + f^3 P(f) on [sqrt(1/2) - 1, sqrt(2) - 1].
  constexpr float cubic[] = {0.3333333f,  -0.25000823f, 0.20001227f, -0.16623357f,
                             0.14201762f, -0.13160194f, 0.1276155f,  -0.0763443f};
  const V one = V::all(1.0f);
  V m = one, e = split_exponent(x, m);
  const auto high = V::all(1.41421356f) < m;
  e = V::select(high, e + one, e);
  const V f = V::select(high, m * V::all(0.5f), m) - one, square = f * f;
  const V rest = fma(e, V::all(-0x1.bd0106p-13f), square * fma(f, polynomial(f, cubic), V::all(-0.5f)));
  // ln 2 in two parts, the first with few bits.
  return fma(e, V::all(0x1.63p-1f), f + rest);
}

/// Within 2e-7.
template <class V>
[[gnu::always_inline]] inline V log(V x) {
  const V zero = V::all(0.0f);
  const auto denormal = x < V::all(0x1p-126f);
  V y =
      log_of_normal(V::select(denormal, x * V::all(0x1p24f), x)) - V::select(denormal, V::all(24 * 0.693147181f), zero);
  y = V::select(x < V::all(chain_infinity), y, x);
  return V::select(x <= zero, V::select(x < zero, V::all(chain_nan), V::all(-chain_infinity)), y);
}

/// log(1 + x) for x in [0, 1]; within 3e-7.
template <class V>
[[gnu::always_inline]] inline V log_1_plus(V x) {
  const V one = V::all(1.0f), sum = one + x;
  return log_of_normal(sum) + (x - (sum - one)) / sum;
}

/// exp(x) - 1, within 3e-7.
template <class V>
[[gnu::always_inline]] inline V exp_minus_1(V x) {
  // expm1(r) = r + r^2 P(r) for |r| <= ln 2 / 2.
  constexpr float square[] = {0.5f, 0.16666543f, 0.04166628f, 0.008366583f, 0.0013946445f};
  const V far = V::all(80.0f), near = min(far, max(V::all(-80.0f), x));
  const V n = round(near * V::all(0x1.715476p0f));
  const V r = fma(n, V::all(-0x1.7f7d1cp-20f), fma(n, V::all(-0x1.62e4p-1f), near));
  const V scale = power_of_2(n);
  const V y = fma(scale, fma(r * r, polynomial(r, square), r), scale - V::all(1.0f));
  // Of -0 too the result is the number itself.
  return V::select(x == V::all(0.0f), x, V::select(far < x, exp(x), y));
}

/// log(1 + exp(x))
template <class V>
[[gnu::always_inline]] inline V softplus(V x) {
  const V y = max(V::all(0.0f), x) + log_1_plus(exp(V::all(0.0f) - abs(x)));
  return V::select(x == x, y, x);
}

/// Numbers without a fraction stay as they are.
template <class V>
[[gnu::always_inline]] inline V round_any(V x) {
  return V::select(abs(x) < V::all(0x1p22f), copy_sign(round(x), x), x);
}
template <class V>
[[gnu::always_inline]] inline V floor(V x) {
  const V near = round_any(x);
  return copy_sign(near - V::select(x < near, V::all(1.0f), V::all(0.0f)), x);
}
template <class V>
[[gnu::always_inline]] inline V ceil(V x) {
  const V near = round_any(x);
  return copy_sign(near + V::select(near < x, V::all(1.0f), V::all(0.0f)), x);
}

template <class V, class Function>
[[gnu::noinline]] V lane_by_lane(V a, V b, Function function) {
  float x[V::lanes], y[V::lanes];
  a.store(x), b.store(y);
  for (int i = 0; i < V::lanes; ++i) x[i] = function(x[i], y[i]);
  return V::load(x);
}

/// sin(x + quarter_turns * pi / 2), within 1e-7 of the exact number; far numbers lane by lane.
template <bool cosine, class V>
[[gnu::always_inline]] inline V sine(V x) {
  const V zero = V::all(0.0f), one = V::all(1.0f);
  const V far = V::select(abs(x) <= V::all(1e5f), zero, one);
  if (sum(far) != 0) [[unlikely]] {
    return lane_by_lane(x, x, [](float a, float) { return cosine ? __builtin_cosf(a) : __builtin_sinf(a); });
  }
  V n = round(x * V::all(0x1.45f306p-1f));
  // pi / 2 in parts of 8 bits, so that n times each is exact, and a last one.
  V r = fma(n, V::all(-0x1.92p0f), x);
  r = fma(n, V::all(-0x1.fap-12f), r);
  r = fma(n, V::all(-0x1.54p-20f), r);
  r = fma(n, V::all(-0x1.10b462p-30f), r);
  constexpr float sine_terms[] = {-0.16666654f, 0.008332131f, -0.00019510838f};
  constexpr float cosine_terms[] = {0.041666646f, -0.0013887306f, 2.4431203e-05f};
  const V z = r * r;
  const V sin_r = fma(r * z, polynomial(z, sine_terms), r);
  const V cos_r = fma(z * z, polynomial(z, cosine_terms), fma(z, V::all(-0.5f), one));
  if constexpr (cosine) n = n + one;
  // n modulo 4; 0.375 makes the nearest integer the one below.
  const V quadrant = fma(round(fma(n, V::all(0.25f), V::all(-0.375f))), V::all(-4.0f), n);
  const V half_turn = V::select(V::all(1.5f) < quadrant, one, zero);
  const V odd = quadrant - half_turn - half_turn;
  const V y = V::select(V::all(0.5f) < odd, cos_r, sin_r);
  return V::select(V::all(0.5f) < half_turn, V::all(-0.0f) - y, y);
}

}  // namespace kiln
