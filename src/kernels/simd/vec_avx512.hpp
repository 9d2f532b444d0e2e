#pragma once

#include "base/intrinsics.hpp"
#include "kernels/simd/vec_avx2.hpp"

namespace kiln {

template <>
struct Vec<float, Isa::avx512> {
  static constexpr bool fuses = true;  ///< fma rounds once
  static constexpr int lanes = 16;
  using Mask = __mmask16;
  __m512 v;

  [[gnu::always_inline]] static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  [[gnu::always_inline]] static Vec load_first(const float* p, int n) {
    return {_mm512_maskz_loadu_ps(static_cast<Mask>((1u << n) - 1), p)};
  }
  /// The first n lanes from memory, the others those of `rest`.
  [[gnu::always_inline]] static Vec load_first(const float* p, int n, Vec rest) {
    return {_mm512_mask_loadu_ps(rest.v, static_cast<Mask>((1u << n) - 1), p)};
  }
  [[gnu::always_inline]] static Vec all(float x) { return {_mm512_set1_ps(x)}; }
  [[gnu::always_inline]] void store(float* p) const { _mm512_storeu_ps(p, v); }
  [[gnu::always_inline]] void store_first(float* p, int n) const {
    _mm512_mask_storeu_ps(p, static_cast<Mask>((1u << n) - 1), v);
  }

  [[gnu::always_inline]] friend Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
  /// a * b + c
  [[gnu::always_inline]] friend Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
  [[gnu::always_inline]] friend Vec<float, Isa::avx2> lower_half(Vec a) { return {_mm512_castps512_ps256(a.v)}; }
  /// With zeros in the upper half.
  [[gnu::always_inline]] static Vec widened(Vec<float, Isa::avx2> a) { return {_mm512_zextps256_ps512(a.v)}; }
  [[gnu::always_inline]] friend Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
  [[gnu::always_inline]] friend Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
  [[gnu::always_inline]] friend Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
  /// To the nearest integer, ties to even.
  [[gnu::always_inline]] friend Vec round(Vec a) { return {_mm512_roundscale_ps(a.v, 8)}; }
  [[gnu::always_inline]] friend Vec copy_sign(Vec magnitude, Vec sign) {
    return {_mm512_castsi512_ps(_mm512_ternarylogic_epi32(
        _mm512_set1_epi32(0x7fffffff), _mm512_castps_si512(magnitude.v), _mm512_castps_si512(sign.v), 0xca))};
  }
  /// 2^a for whole numbers a in [-126, 127].
  [[gnu::always_inline]] friend Vec power_of_2(Vec a) {
    const __m512i exponent = _mm512_add_epi32(_mm512_cvtps_epi32(a.v), _mm512_set1_epi32(127));
    return {_mm512_castsi512_ps(_mm512_slli_epi32(exponent, 23))};
  }
  /// a 2^n for whole numbers n in [-152, 130].
  [[gnu::always_inline]] friend Vec times_power_of_2(Vec a, Vec n) { return {_mm512_scalef_ps(a.v, n.v)}; }
  /// a 2^n for whole numbers n in [-127, 128], 2^128 being infinity; `shifted` is n + 1.5 2^23.
  [[gnu::always_inline]] friend Vec times_shifted_power_of_2(Vec a, Vec n, Vec shifted) {
    (void)shifted;
    return times_power_of_2(a, n);
  }
  /// The exponent of a normal number above 0, and its mantissa in [1, 2).
  [[gnu::always_inline]] friend Vec split_exponent(Vec a, Vec& mantissa) {
    mantissa = {_mm512_getmant_ps(a.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)};
    return {_mm512_getexp_ps(a.v)};
  }
  [[gnu::always_inline]] friend Mask operator<(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ); }
  [[gnu::always_inline]] friend Mask operator<=(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ); }
  [[gnu::always_inline]] friend Mask operator==(Vec a, Vec b) { return _mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ); }
  [[gnu::always_inline]] friend Mask is_nan(Vec a) { return _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q); }
  [[gnu::always_inline]] static Vec select(Mask mask, Vec yes, Vec no) {
    return {_mm512_mask_blend_ps(mask, no.v, yes.v)};
  }
  [[gnu::always_inline]] friend float sum(Vec a) { return _mm512_reduce_add_ps(a.v); }
  [[gnu::always_inline]] friend float largest(Vec a) { return _mm512_reduce_max_ps(a.v); }
};

}  // namespace kiln
