#pragma once

#include "vision/pixels/pixel_vec.hpp"

namespace kiln::vision {

template <>
struct PixelVec<Isa::avx512> {
  using Ints = __m512i;
  static constexpr int lanes = 4, bytes = 64;

  [[gnu::always_inline]] static Ints load(const void* from) { return _mm512_loadu_si512(from); }
  [[gnu::always_inline]] static void store(Ints v, void* to) { _mm512_storeu_si512(to, v); }
  [[gnu::always_inline]] static Ints set8(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
  [[gnu::always_inline]] static Ints set16(int x) { return _mm512_set1_epi16(static_cast<int16_t>(x)); }
  [[gnu::always_inline]] static Ints set32(int x) { return _mm512_set1_epi32(x); }
  [[gnu::always_inline]] static Ints set_eights(const int32_t* numbers) {
    return _mm512_mask_set1_epi32(_mm512_set1_epi32(numbers[0]), 0xff00, numbers[1]);
  }
  [[gnu::always_inline]] static Ints in_each_lane(__m128i v) { return _mm512_broadcast_i32x4(v); }
  [[gnu::always_inline]] static Ints widen(const uint8_t* from) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  [[gnu::always_inline]] static Ints widen_at(const uint8_t* from, const int32_t* offsets) {
    const __m128i first = _mm_unpacklo_epi64(load_eight(from + offsets[0]), load_eight(from + offsets[1]));
    const __m128i second = _mm_unpacklo_epi64(load_eight(from + offsets[2]), load_eight(from + offsets[3]));
    return _mm512_cvtepu8_epi16(_mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1));
  }
  template <class At>
  [[gnu::always_inline]] static Ints load_lanes(const At& at) {
    const auto two = [&](int k) __attribute__((always_inline)) {
      const auto* const first = reinterpret_cast<const __m128i*>(at(k));
      return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(first)),
                                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(at(k + 1))), 1);
    };
    return _mm512_inserti64x4(_mm512_castsi256_si512(two(0)), two(2), 1);
  }
  [[gnu::always_inline]] static Ints load_both(const uint8_t* upper, const uint8_t* lower, const uint32_t* offsets) {
    const auto two = [&](int k) __attribute__((always_inline)) {
      return _mm256_inserti128_si256(_mm256_castsi128_si256(load_eights(upper, lower, offsets[4 * k])),
                                     load_eights(upper, lower, offsets[4 * k + 4]), 1);
    };
    return _mm512_inserti64x4(_mm512_castsi256_si512(two(0)), two(2), 1);
  }

  [[gnu::always_inline]] static Ints bit_or(Ints a, Ints b) { return _mm512_or_si512(a, b); }
  [[gnu::always_inline]] static Ints bit_and(Ints a, Ints b) { return _mm512_and_si512(a, b); }
  [[gnu::always_inline]] static Ints bit_xor(Ints a, Ints b) { return _mm512_xor_si512(a, b); }
  [[gnu::always_inline]] static Ints add16(Ints a, Ints b) { return _mm512_add_epi16(a, b); }
  [[gnu::always_inline]] static Ints sub16(Ints a, Ints b) { return _mm512_sub_epi16(a, b); }
  [[gnu::always_inline]] static Ints add32(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
  [[gnu::always_inline]] static Ints sub32(Ints a, Ints b) { return _mm512_sub_epi32(a, b); }
  [[gnu::always_inline]] static Ints mul16(Ints a, Ints b) { return _mm512_mullo_epi16(a, b); }
  [[gnu::always_inline]] static Ints mul32(Ints a, Ints b) { return _mm512_mullo_epi32(a, b); }
  [[gnu::always_inline]] static Ints mul_high_unsigned16(Ints a, Ints b) { return _mm512_mulhi_epu16(a, b); }
  [[gnu::always_inline]] static Ints mul_rounded16(Ints a, Ints b) { return _mm512_mulhrs_epi16(a, b); }
  [[gnu::always_inline]] static Ints mul_add16(Ints a, Ints b) { return _mm512_madd_epi16(a, b); }
  [[gnu::always_inline]] static Ints mul_add8(Ints unsigned_a, Ints signed_b) {
    return _mm512_maddubs_epi16(unsigned_a, signed_b);
  }
  template <int bits>
  [[gnu::always_inline]] static Ints left16(Ints v) {
    return _mm512_slli_epi16(v, bits);
  }
  template <int bits>
  [[gnu::always_inline]] static Ints left32(Ints v) {
    return _mm512_slli_epi32(v, bits);
  }
  template <int bits>
  [[gnu::always_inline]] static Ints right32(Ints v) {
    return _mm512_srli_epi32(v, bits);
  }
  template <int bits>
  [[gnu::always_inline]] static Ints right16(Ints v) {
    return _mm512_srli_epi16(v, bits);
  }
  [[gnu::always_inline]] static Ints even_then_odd64(Ints v) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), v);
  }
  [[gnu::always_inline]] static Ints even_and_odd16(Ints even, Ints odd) {
    return _mm512_mask_blend_epi16(0xaaaaaaaa, even, odd);
  }
  [[gnu::always_inline]] static Ints shuffle8(Ints v, Ints which) { return _mm512_shuffle_epi8(v, which); }
  template <int which>
  [[gnu::always_inline]] static Ints repeat32(Ints v) {
    return _mm512_shuffle_epi32(v, static_cast<_MM_PERM_ENUM>(which * 0x55));
  }
  [[gnu::always_inline]] static Ints low32(Ints a, Ints b) { return _mm512_unpacklo_epi32(a, b); }
  [[gnu::always_inline]] static Ints high32(Ints a, Ints b) { return _mm512_unpackhi_epi32(a, b); }
  [[gnu::always_inline]] static Ints low64(Ints a, Ints b) { return _mm512_unpacklo_epi64(a, b); }
  [[gnu::always_inline]] static Ints high64(Ints a, Ints b) { return _mm512_unpackhi_epi64(a, b); }
  [[gnu::always_inline]] static Ints pack32(Ints a, Ints b) { return _mm512_packus_epi32(a, b); }
  [[gnu::always_inline]] static Ints pack16(Ints a, Ints b) { return _mm512_packus_epi16(a, b); }

  [[gnu::always_inline]] static void store_floats(Ints levels, float scale, float bias, float* to) {
    const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(levels), _mm512_set1_ps(scale));
    _mm512_storeu_ps(to, _mm512_add_ps(scaled, _mm512_set1_ps(bias)));
  }
  [[gnu::always_inline]] static void store_pixels(Ints pixels, uint8_t* to) {
    const __m128i order = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    store_twelves(_mm512_shuffle_epi8(pixels, in_each_lane(order)), to);
  }
  [[gnu::always_inline]] static void store_twelves(Ints v, uint8_t* to) {
    const __m512i join = _mm512_setr_epi32(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 3, 3, 3);
    const __m512i joined = _mm512_permutexvar_epi32(join, v);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(joined));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 32), _mm512_extracti32x4_epi32(joined, 2));
  }
  template <bool at_end>
  [[gnu::always_inline]] static Ints load_pixels(const uint8_t* from) {
    const __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12);
    if constexpr (at_end) return _mm512_permutexvar_epi32(add32(order, set32(4)), load(from - 16));
    return _mm512_permutexvar_epi32(order, load(from));
  }
};

}  // namespace kiln::vision
