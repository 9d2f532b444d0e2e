#pragma once

#include "vision/pixels/columns_wide.hpp"
#include "vision/pixels/pixel_vec_avx512.hpp"

/// Mixing neighbours that lie close together, for processors that permute bytes (AVX-512 VBMI).
namespace kiln::vision {

namespace {

/// Of 64 bytes `picks` the even ones say which of 128 * pairs bytes become 16-bit numbers.
template <int pairs>
[[gnu::target("avx512vbmi"), gnu::always_inline]] inline __m512i pick(const __m512i* from, __m512i picks) {
  constexpr __mmask64 even = 0x5555555555555555;
  const __m512i near = _mm512_maskz_permutex2var_epi8(even, from[0], picks, from[1]);
  if constexpr (pairs == 1) return near;
  const __m512i far = _mm512_maskz_permutex2var_epi8(even, from[2], picks, from[3]);
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(picks), near, far);
}

template <int pairs>
[[gnu::target("avx512vbmi"), gnu::always_inline]] inline Levels<Isa::avx512> sum_window(const SourceRow& row,
                                                                                        const Columns& columns,
                                                                                        int64_t x) {
  const int32_t base = columns.bases[x / group_pixels];
  __m512i window[2 * pairs];
  for (int i = 0; i < 2 * pairs; ++i) window[i] = _mm512_loadu_si512(row.pixels + base + 64 * i);
  if constexpr (pairs > 1) {
    for (int i = 0; i < 2 * pairs; ++i) _mm_prefetch(row.next + base + 64 * i, _MM_HINT_T0);
  }
  const __m512i picks = _mm512_loadu_si512(columns.picks + 4 * x), weights = _mm512_loadu_si512(columns.weights + x);
  const __m512i first = pick<pairs>(window, picks);
  const __m512i second = pick<pairs>(window, _mm512_add_epi8(picks, _mm512_set1_epi8(1)));
  const __m512i third = pick<pairs>(window, _mm512_add_epi8(picks, _mm512_set1_epi8(2)));
  return {_mm512_madd_epi16(first, weights), _mm512_madd_epi16(second, weights), _mm512_madd_epi16(third, weights)};
}

template <int pairs>
[[gnu::target("avx512vbmi")]] void mix_windows(const SourceRow& row, const Columns& columns, uint16_t* out) {
  for (int64_t x = 0; x < columns.count; x += 2 * group_pixels) {
    const Levels<Isa::avx512> first = sum_window<pairs>(row, columns, x);
    store_mixed<Isa::avx512>(first, sum_window<pairs>(row, columns, x + group_pixels), out + 3 * x);
  }
}

inline void mix_near(const SourceRow& row, const Columns& columns, int16_t* space, uint16_t* out) {
  if (columns.registers == 4) return mix_windows<2>(row, columns, out);
  if (columns.registers == 2) return mix_windows<1>(row, columns, out);
  mix<Isa::avx512>(row, columns, space, out);
}

}  // namespace

}  // namespace kiln::vision
