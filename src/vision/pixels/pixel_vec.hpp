#pragma once

#include <cstdint>

#include "base/intrinsics.hpp"
#include "base/isa.hpp"
#include "base/unroll.hpp"

namespace kiln::vision {

/// Eight bytes, and zeros.
[[gnu::always_inline]] inline __m128i load_eight(const uint8_t* from) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
}

/// Eight bytes at upper + offset, and as many at lower + offset.
[[gnu::always_inline]] inline __m128i load_eights(const uint8_t* upper, const uint8_t* lower, uint32_t offset) {
  const __m128d first = _mm_castsi128_pd(load_eight(upper + offset));
  return _mm_castpd_si128(_mm_loadh_pd(first, reinterpret_cast<const double*>(lower + offset)));
}

/// Registers of so many times 16 bytes, and what is done with pixels in them; pixel_vec_avx2.hpp and
/// pixel_vec_avx512.hpp define it. What is called a lane is 16 bytes; shuffles stay within one.
template <Isa isa>
struct PixelVec;

}  // namespace kiln::vision
