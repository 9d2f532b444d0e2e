#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/simd/vec.hpp"

namespace kiln {

/// Eight lanes in two of the compiler's own vectors of four, which every architecture has in some form.
template <>
struct Vec<float, Isa::portable> {
  static constexpr bool fuses = false;  ///< fma rounds once
  static constexpr int lanes = 8;
  typedef float Four __attribute__((vector_size(16)));
  typedef int32_t FourInts __attribute__((vector_size(16)));
  struct Mask {
    FourInts low, high;
  };
  Four low, high;

  [[gnu::always_inline]] static Four load_four(const float* p) {
    Four four;
    std::memcpy(&four, p, sizeof four);
    return four;
  }
  [[gnu::always_inline]] static Vec load(const float* p) { return {load_four(p), load_four(p + 4)}; }
  [[gnu::always_inline]] static Vec load_first(const float* p, int n) {
    float part[8] = {};
    for (int i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  /// The first n lanes from memory, the others those of `rest`.
  [[gnu::always_inline]] static Vec load_first(const float* p, int n, Vec rest) {
    float part[8];
    rest.store(part);
    for (int i = 0; i < n; ++i) part[i] = p[i];
    return load(part);
  }
  [[gnu::always_inline]] static Vec all(float x) {
    const Four four = {x, x, x, x};
    return {four, four};
  }
  [[gnu::always_inline]] void store(float* p) const {
    std::memcpy(p, &low, sizeof low);
    std::memcpy(p + 4, &high, sizeof high);
  }
  [[gnu::always_inline]] void store_first(float* p, int n) const {
    float part[8];
    store(part);
    for (int i = 0; i < n; ++i) p[i] = part[i];
  }

  [[gnu::always_inline]] friend Vec operator+(Vec a, Vec b) { return {a.low + b.low, a.high + b.high}; }
  [[gnu::always_inline]] friend Vec operator-(Vec a, Vec b) { return {a.low - b.low, a.high - b.high}; }
  [[gnu::always_inline]] friend Vec operator*(Vec a, Vec b) { return {a.low * b.low, a.high * b.high}; }
  [[gnu::always_inline]] friend Vec operator/(Vec a, Vec b) { return {a.low / b.low, a.high / b.high}; }
  /// a * b + c, the product rounded.
  [[gnu::always_inline]] friend Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
  [[gnu::always_inline]] friend Vec min(Vec a, Vec b) { return select(a < b, a, b); }
  [[gnu::always_inline]] friend Vec max(Vec a, Vec b) { return select(b < a, a, b); }
  [[gnu::always_inline]] friend Vec abs(Vec a) { return {clear_sign(a.low), clear_sign(a.high)}; }
  [[gnu::always_inline]] friend Vec sqrt(Vec a) {
    float part[8];
    a.store(part);
    for (float& x : part) x = __builtin_sqrtf(x);
    return load(part);
  }
  /// To the nearest integer, ties to even, for numbers below 2^22.
  [[gnu::always_inline]] friend Vec round(Vec a) {
    const Vec magic = all(0x1.8p23f);
    return (a + magic) - magic;
  }
  [[gnu::always_inline]] friend Vec copy_sign(Vec magnitude, Vec sign) {
    return {with_sign(magnitude.low, sign.low), with_sign(magnitude.high, sign.high)};
  }
  /// 2^a for whole numbers a in [-126, 127].
  [[gnu::always_inline]] friend Vec power_of_2(Vec a) {
    const FourInts low = (__builtin_convertvector(a.low, FourInts) + 127) << 23;
    const FourInts high = (__builtin_convertvector(a.high, FourInts) + 127) << 23;
    return {reinterpret_cast<Four>(low), reinterpret_cast<Four>(high)};
  }
  /// a 2^n for whole numbers n in [-152, 130].
  [[gnu::always_inline]] friend Vec times_power_of_2(Vec a, Vec n) {
    const Vec half = round(n * all(0.5f));
    return a * power_of_2(half) * power_of_2(n - half);
  }
  /// a 2^n for whole numbers n in [-127, 128], 2^128 being infinity; `shifted` is n + 1.5 2^23.
  [[gnu::always_inline]] friend Vec times_shifted_power_of_2(Vec a, Vec n, Vec shifted) {
    (void)n;
    const FourInts low = (reinterpret_cast<FourInts>(shifted.low) + 127) << 23;
    const FourInts high = (reinterpret_cast<FourInts>(shifted.high) + 127) << 23;
    return a * Vec{reinterpret_cast<Four>(low), reinterpret_cast<Four>(high)};
  }
  /// The exponent of a normal number above 0, and its mantissa in [1, 2).
  [[gnu::always_inline]] friend Vec split_exponent(Vec a, Vec& mantissa) {
    mantissa = {mantissa_of(a.low), mantissa_of(a.high)};
    return {exponent_of(a.low), exponent_of(a.high)};
  }
  [[gnu::always_inline]] friend Mask operator<(Vec a, Vec b) { return {a.low < b.low, a.high < b.high}; }
  [[gnu::always_inline]] friend Mask operator<=(Vec a, Vec b) { return {a.low <= b.low, a.high <= b.high}; }
  [[gnu::always_inline]] friend Mask operator==(Vec a, Vec b) { return {a.low == b.low, a.high == b.high}; }
  [[gnu::always_inline]] friend Mask is_nan(Vec a) { return {a.low != a.low, a.high != a.high}; }
  [[gnu::always_inline]] static Vec select(Mask mask, Vec yes, Vec no) {
    return {blend(mask.low, yes.low, no.low), blend(mask.high, yes.high, no.high)};
  }
  [[gnu::always_inline]] friend float sum(Vec a) {
    const Four four = a.low + a.high;
    return (four[0] + four[2]) + (four[1] + four[3]);
  }
  [[gnu::always_inline]] friend float largest(Vec a) {
    float part[8], most;
    a.store(part);
    most = part[0];
    for (const float x : part) most = x > most ? x : most;
    return most;
  }

 private:
  [[gnu::always_inline]] static Four clear_sign(Four a) {
    return reinterpret_cast<Four>(reinterpret_cast<FourInts>(a) & 0x7fffffff);
  }
  [[gnu::always_inline]] static Four exponent_of(Four a) {
    return __builtin_convertvector((reinterpret_cast<FourInts>(a) >> 23) - 127, Four);
  }
  [[gnu::always_inline]] static Four mantissa_of(Four a) {
    return reinterpret_cast<Four>((reinterpret_cast<FourInts>(a) & 0x007fffff) | 0x3f800000);
  }
  [[gnu::always_inline]] static Four with_sign(Four magnitude, Four sign) {
    const FourInts bit = FourInts{} + INT32_MIN;
    return reinterpret_cast<Four>((reinterpret_cast<FourInts>(magnitude) & ~bit) |
                                  (reinterpret_cast<FourInts>(sign) & bit));
  }
  [[gnu::always_inline]] static Four blend(FourInts mask, Four yes, Four no) {
    return reinterpret_cast<Four>((reinterpret_cast<FourInts>(yes) & mask) | (reinterpret_cast<FourInts>(no) & ~mask));
  }
};

}  // namespace kiln
