#pragma once

#include <immintrin.h>

#include "kernels/simd/bytes.hpp"

namespace kiln {

/// For AVX-512 too, which has all that AVX2 has.
template <Isa isa>
struct Bytes<isa, 2> {
  static constexpr int lanes = 2;
  __m256i v;

  [[gnu::always_inline]] static Bytes load(const char* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  [[gnu::always_inline]] static Bytes load_lanes(const char* p, int64_t stride) {
    const __m256i first = _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return {_mm256_inserti128_si256(first, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + stride)), 1)};
  }
  /// The floats [first, last) of 8 at p, zero elsewhere; nothing else is touched.
  [[gnu::always_inline]] static Bytes load_floats(const float* p, int first, int last) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i mask = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(first), lane),
                                             _mm256_cmpgt_epi32(_mm256_set1_epi32(last), lane));
    return {_mm256_maskload_epi32(reinterpret_cast<const int*>(p), mask)};
  }
  [[gnu::always_inline]] friend Bytes operator|(Bytes a, Bytes b) { return {_mm256_or_si256(a.v, b.v)}; }
  [[gnu::always_inline]] void store(char* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }

  template <int size>
  [[gnu::always_inline]] static Bytes low(Bytes a, Bytes b) {
    if constexpr (size == 8) return {_mm256_unpacklo_epi64(a.v, b.v)};
    if constexpr (size == 4) return {_mm256_unpacklo_epi32(a.v, b.v)};
    if constexpr (size == 2) return {_mm256_unpacklo_epi16(a.v, b.v)};
    if constexpr (size == 1) return {_mm256_unpacklo_epi8(a.v, b.v)};
  }
  template <int size>
  [[gnu::always_inline]] static Bytes high(Bytes a, Bytes b) {
    if constexpr (size == 8) return {_mm256_unpackhi_epi64(a.v, b.v)};
    if constexpr (size == 4) return {_mm256_unpackhi_epi32(a.v, b.v)};
    if constexpr (size == 2) return {_mm256_unpackhi_epi16(a.v, b.v)};
    if constexpr (size == 1) return {_mm256_unpackhi_epi8(a.v, b.v)};
  }
};

}  // namespace kiln
