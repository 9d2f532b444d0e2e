#pragma once

#include "vision/pixels/pixel_vec.hpp"

namespace kiln::vision {

template <>
struct PixelVec<Isa::avx2> {
  using Ints = __m256i;
  static constexpr int lanes = 2, bytes = 32;

  [[gnu::always_inline]] static Ints load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
  }
  [[gnu::always_inline]] static void store(Ints v, void* to) { _mm256_storeu_si256(static_cast<__m256i*>(to), v); }
  [[gnu::always_inline]] static Ints set8(int x) { return _mm256_set1_epi8(static_cast<char>(x)); }
  [[gnu::always_inline]] static Ints set16(int x) { return _mm256_set1_epi16(static_cast<int16_t>(x)); }
  [[gnu::always_inline]] static Ints set32(int x) { return _mm256_set1_epi32(x); }
  /// Number i for the i-th eight elements of 32 bits.
  [[gnu::always_inline]] static Ints set_eights(const int32_t* numbers) { return _mm256_set1_epi32(numbers[0]); }
  [[gnu::always_inline]] static Ints in_each_lane(__m128i v) { return _mm256_broadcastsi128_si256(v); }
  /// Eight bytes a lane from there on, as 16-bit numbers.
  [[gnu::always_inline]] static Ints widen(const uint8_t* from) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  /// Lane k: eight bytes at from + offsets[k], as 16-bit numbers.
  [[gnu::always_inline]] static Ints widen_at(const uint8_t* from, const int32_t* offsets) {
    return _mm256_cvtepu8_epi16(_mm_unpacklo_epi64(load_eight(from + offsets[0]), load_eight(from + offsets[1])));
  }
  /// Lane k: 16 bytes at at(k).
  template <class At>
  [[gnu::always_inline]] static Ints load_lanes(const At& at) {
    const auto* const first = reinterpret_cast<const __m128i*>(at(0));
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(first)),
                                   _mm_loadu_si128(reinterpret_cast<const __m128i*>(at(1))), 1);
  }
  /// Lane k: eight bytes at upper + offsets[4 * k], and as many at lower + offsets[4 * k].
  [[gnu::always_inline]] static Ints load_both(const uint8_t* upper, const uint8_t* lower, const uint32_t* offsets) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_eights(upper, lower, offsets[0])),
                                   load_eights(upper, lower, offsets[4]), 1);
  }

  [[gnu::always_inline]] static Ints bit_or(Ints a, Ints b) { return _mm256_or_si256(a, b); }
  [[gnu::always_inline]] static Ints bit_and(Ints a, Ints b) { return _mm256_and_si256(a, b); }
  [[gnu::always_inline]] static Ints bit_xor(Ints a, Ints b) { return _mm256_xor_si256(a, b); }
  [[gnu::always_inline]] static Ints add16(Ints a, Ints b) { return _mm256_add_epi16(a, b); }
  [[gnu::always_inline]] static Ints sub16(Ints a, Ints b) { return _mm256_sub_epi16(a, b); }
  [[gnu::always_inline]] static Ints add32(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
  [[gnu::always_inline]] static Ints sub32(Ints a, Ints b) { return _mm256_sub_epi32(a, b); }
  [[gnu::always_inline]] static Ints mul16(Ints a, Ints b) { return _mm256_mullo_epi16(a, b); }
  [[gnu::always_inline]] static Ints mul32(Ints a, Ints b) { return _mm256_mullo_epi32(a, b); }
  [[gnu::always_inline]] static Ints mul_high_unsigned16(Ints a, Ints b) { return _mm256_mulhi_epu16(a, b); }
  [[gnu::always_inline]] static Ints mul_rounded16(Ints a, Ints b) { return _mm256_mulhrs_epi16(a, b); }
  [[gnu::always_inline]] static Ints mul_add16(Ints a, Ints b) { return _mm256_madd_epi16(a, b); }
  [[gnu::always_inline]] static Ints mul_add8(Ints unsigned_a, Ints signed_b) {
    return _mm256_maddubs_epi16(unsigned_a, signed_b);
  }
  template <int bits>
  [[gnu::always_inline]] static Ints left16(Ints v) {
    return _mm256_slli_epi16(v, bits);
  }
  template <int bits>
  [[gnu::always_inline]] static Ints left32(Ints v) {
    return _mm256_slli_epi32(v, bits);
  }
  template <int bits>
  [[gnu::always_inline]] static Ints right32(Ints v) {
    return _mm256_srli_epi32(v, bits);
  }
  template <int bits>
  [[gnu::always_inline]] static Ints right16(Ints v) {
    return _mm256_srli_epi16(v, bits);
  }
  /// The lower halves of all lanes, then the upper ones.
  [[gnu::always_inline]] static Ints even_then_odd64(Ints v) { return _mm256_permute4x64_epi64(v, 0xd8); }
  /// The lower halves of 32 bits of one, the upper ones of the other.
  [[gnu::always_inline]] static Ints even_and_odd16(Ints even, Ints odd) { return _mm256_blend_epi16(even, odd, 0xaa); }
  [[gnu::always_inline]] static Ints shuffle8(Ints v, Ints which) { return _mm256_shuffle_epi8(v, which); }
  /// Of each lane element `which` of four.
  template <int which>
  [[gnu::always_inline]] static Ints repeat32(Ints v) {
    return _mm256_shuffle_epi32(v, which * 0x55);
  }
  [[gnu::always_inline]] static Ints low32(Ints a, Ints b) { return _mm256_unpacklo_epi32(a, b); }
  [[gnu::always_inline]] static Ints high32(Ints a, Ints b) { return _mm256_unpackhi_epi32(a, b); }
  [[gnu::always_inline]] static Ints low64(Ints a, Ints b) { return _mm256_unpacklo_epi64(a, b); }
  [[gnu::always_inline]] static Ints high64(Ints a, Ints b) { return _mm256_unpackhi_epi64(a, b); }
  [[gnu::always_inline]] static Ints pack32(Ints a, Ints b) { return _mm256_packus_epi32(a, b); }
  [[gnu::always_inline]] static Ints pack16(Ints a, Ints b) { return _mm256_packus_epi16(a, b); }

  [[gnu::always_inline]] static void store_floats(Ints levels, float scale, float bias, float* to) {
    const __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(levels), _mm256_set1_ps(scale));
    _mm256_storeu_ps(to, _mm256_add_ps(scaled, _mm256_set1_ps(bias)));
  }
  /// Four pixels a lane, each with a byte that is left out.
  [[gnu::always_inline]] static void store_pixels(Ints pixels, uint8_t* to) {
    const __m128i order = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
    store_twelves(_mm256_shuffle_epi8(pixels, in_each_lane(order)), to);
  }
  /// The first twelve bytes of each lane.
  [[gnu::always_inline]] static void store_twelves(Ints v, uint8_t* to) {
    const __m128i second = _mm256_extracti128_si256(v, 1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(v));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to + 12), second);
    _mm_storeu_si32(to + 20, _mm_shuffle_epi32(second, 2));
  }
  /// Four pixels a lane from the pixels at `from`, which are the first of what is read (or the last, `at_end`).
  template <bool at_end>
  [[gnu::always_inline]] static Ints load_pixels(const uint8_t* from) {
    const __m256i order = _mm256_setr_epi32(0, 1, 2, 3, 3, 4, 5, 6);
    if constexpr (at_end) return _mm256_permutevar8x32_epi32(load(from - 8), add32(order, set32(2)));
    return _mm256_permutevar8x32_epi32(load(from), order);
  }
};

}  // namespace kiln::vision
