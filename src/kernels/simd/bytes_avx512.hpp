#pragma once

#include "base/intrinsics.hpp"
#include "kernels/simd/bytes_avx2.hpp"

namespace kiln {

template <>
struct Bytes<Isa::avx512, 4> {
  static constexpr int lanes = 4;
  __m512i v;

  [[gnu::always_inline]] static Bytes load(const char* p) { return {_mm512_loadu_si512(p)}; }
  [[gnu::always_inline]] static Bytes load_lanes(const char* p, int64_t stride) {
    const auto at = [&](int64_t lane) __attribute__((always_inline)) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + lane * stride));
    };
    __m512i v = _mm512_castsi128_si512(at(0));
    v = _mm512_inserti32x4(v, at(1), 1);
    v = _mm512_inserti32x4(v, at(2), 2);
    return {_mm512_inserti32x4(v, at(3), 3)};
  }
  /// The floats [first, last) of 16 at p, zero elsewhere; nothing else is touched.
  [[gnu::always_inline]] static Bytes load_floats(const float* p, int first, int last) {
    return {_mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << last) - (1u << first)), p)};
  }
  [[gnu::always_inline]] friend Bytes operator|(Bytes a, Bytes b) { return {_mm512_or_si512(a.v, b.v)}; }
  [[gnu::always_inline]] void store(char* p) const { _mm512_storeu_si512(p, v); }

  template <int size>
  [[gnu::always_inline]] static Bytes low(Bytes a, Bytes b) {
    if constexpr (size == 8) return {_mm512_unpacklo_epi64(a.v, b.v)};
    if constexpr (size == 4) return {_mm512_unpacklo_epi32(a.v, b.v)};
    if constexpr (size == 2) return {_mm512_unpacklo_epi16(a.v, b.v)};
    if constexpr (size == 1) return {_mm512_unpacklo_epi8(a.v, b.v)};
  }
  template <int size>
  [[gnu::always_inline]] static Bytes high(Bytes a, Bytes b) {
    if constexpr (size == 8) return {_mm512_unpackhi_epi64(a.v, b.v)};
    if constexpr (size == 4) return {_mm512_unpackhi_epi32(a.v, b.v)};
    if constexpr (size == 2) return {_mm512_unpackhi_epi16(a.v, b.v)};
    if constexpr (size == 1) return {_mm512_unpackhi_epi8(a.v, b.v)};
  }
};

}  // namespace kiln
