#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "base/isa.hpp"

/// For instruction sets with F16C; included by cast_<isa>.cpp only.
namespace kiln {

template <Isa isa>
[[gnu::noinline]] void cast_f32_to_f16(const void* from, void* to, int64_t count) {
  const auto* in = static_cast<const float*>(from);
  auto* out = static_cast<uint16_t*>(to);
  const auto eight = [](const float* a, uint16_t* b) __attribute__((always_inline)) {
    const __m128i half = _mm256_cvtps_ph(_mm256_loadu_ps(a), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(b), half);
  };
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) eight(in + i, out + i);
  if (i == count) return;
  float rest[8] = {};
  uint16_t halves[8];
  std::memcpy(rest, in + i, static_cast<size_t>(count - i) * sizeof(float));
  eight(rest, halves);
  std::memcpy(out + i, halves, static_cast<size_t>(count - i) * sizeof(uint16_t));
}

template <Isa isa>
[[gnu::noinline]] void cast_f16_to_f32(const void* from, void* to, int64_t count) {
  const auto* in = static_cast<const uint16_t*>(from);
  auto* out = static_cast<float*>(to);
  const auto eight = [](const uint16_t* a, float* b) __attribute__((always_inline)) {
    _mm256_storeu_ps(b, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(a))));
  };
  int64_t i = 0;
  for (; i + 8 <= count; i += 8) eight(in + i, out + i);
  if (i == count) return;
  uint16_t rest[8] = {};
  float floats[8];
  std::memcpy(rest, in + i, static_cast<size_t>(count - i) * sizeof(uint16_t));
  eight(rest, floats);
  std::memcpy(out + i, floats, static_cast<size_t>(count - i) * sizeof(float));
}

}  // namespace kiln
