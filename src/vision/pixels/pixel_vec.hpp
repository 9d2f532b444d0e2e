#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // GCC's header makes undefined registers that way
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <cstdint>
#include <utility>

#include "base/isa.hpp"

namespace kiln::vision {

/// The number i as a type, for loops without a loop.
template <int i>
struct Step {
  static constexpr int value = i;
  constexpr operator int() const { return i; }  // NOLINT(google-explicit-constructor)
};

template <class Body, int... i>
[[gnu::always_inline]] constexpr void unroll_each(Body&& body, std::integer_sequence<int, i...>) {
  (body(Step<i>{}), ...);
}

/// body(Step<0>), body(Step<1>), ... body(Step<count - 1>), so that arrays indexed by it stay in registers.
template <int count, class Body>
[[gnu::always_inline]] constexpr void unroll(Body&& body) {
  unroll_each(body, std::make_integer_sequence<int, count>{});
}

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
