#pragma once

#include <immintrin.h>

#include "kernels/simd/vec.hpp"

namespace kiln {

template <>
struct Vec<float, Isa::avx2> {
  static constexpr bool fuses = true;  ///< fma rounds once
  static constexpr int lanes = 8;
  using Mask = __m256;
  __m256 v;

  [[gnu::always_inline]] static __m256i first_lanes(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  [[gnu::always_inline]] static Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
  [[gnu::always_inline]] static Vec load_first(const float* p, int n) {
    return {_mm256_maskload_ps(p, first_lanes(n))};
  }
  /// The first n lanes from memory, the others those of `rest`.
  [[gnu::always_inline]] static Vec load_first(const float* p, int n, Vec rest) {
    const __m256i mask = first_lanes(n);
    return {_mm256_blendv_ps(rest.v, _mm256_maskload_ps(p, mask), _mm256_castsi256_ps(mask))};
  }
  [[gnu::always_inline]] static Vec all(float x) { return {_mm256_set1_ps(x)}; }
  [[gnu::always_inline]] void store(float* p) const { _mm256_storeu_ps(p, v); }
  [[gnu::always_inline]] void store_first(float* p, int n) const { _mm256_maskstore_ps(p, first_lanes(n), v); }

  [[gnu::always_inline]] friend Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
  /// a * b + c
  [[gnu::always_inline]] friend Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
  [[gnu::always_inline]] friend Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
  [[gnu::always_inline]] friend Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
  /// To the nearest integer, ties to even.
  [[gnu::always_inline]] friend Vec round(Vec a) { return {_mm256_round_ps(a.v, 8)}; }
  [[gnu::always_inline]] friend Vec copy_sign(Vec magnitude, Vec sign) {
    const __m256 bit = _mm256_set1_ps(-0.0f);
    return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.v), _mm256_and_ps(bit, sign.v))};
  }
  /// 2^a for whole numbers a in [-126, 127].
  [[gnu::always_inline]] friend Vec power_of_2(Vec a) {
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(a.v), _mm256_set1_epi32(127));
    return {_mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23))};
  }
  /// a 2^n for whole numbers n in [-152, 130].
  [[gnu::always_inline]] friend Vec times_power_of_2(Vec a, Vec n) {
    const Vec half = round(n * all(0.5f));
    return a * power_of_2(half) * power_of_2(n - half);
  }
  /// a 2^n for whole numbers n in [-127, 128], 2^128 being infinity; `shifted` is n + 1.5 2^23.
  [[gnu::always_inline]] friend Vec times_shifted_power_of_2(Vec a, Vec n, Vec shifted) {
    (void)n;
    const __m256i exponent = _mm256_add_epi32(_mm256_castps_si256(shifted.v), _mm256_set1_epi32(127));
    return a * Vec{_mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23))};
  }
  /// The exponent of a normal number above 0, and its mantissa in [1, 2).
  [[gnu::always_inline]] friend Vec split_exponent(Vec a, Vec& mantissa) {
    const __m256i bits = _mm256_castps_si256(a.v);
    mantissa = {_mm256_castsi256_ps(
        _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x007fffff)), _mm256_set1_epi32(0x3f800000)))};
    return {_mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(127)))};
  }
  [[gnu::always_inline]] friend Mask operator<(Vec a, Vec b) { return _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ); }
  [[gnu::always_inline]] friend Mask operator<=(Vec a, Vec b) { return _mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ); }
  [[gnu::always_inline]] friend Mask operator==(Vec a, Vec b) { return _mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ); }
  [[gnu::always_inline]] friend Mask is_nan(Vec a) { return _mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q); }
  [[gnu::always_inline]] static Vec select(Mask mask, Vec yes, Vec no) { return {_mm256_blendv_ps(no.v, yes.v, mask)}; }
  [[gnu::always_inline]] friend float sum(Vec a) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  [[gnu::always_inline]] friend float largest(Vec a) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }
};

}  // namespace kiln
