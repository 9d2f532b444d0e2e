#pragma once

#include "kernels/gemm/fixed_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by fixed_<isa>.cpp only.
namespace kiln {

template <Isa isa>
struct FixedLimits;
template <>
struct FixedLimits<Isa::avx512> {
  static constexpr int rows = 6;
};
template <>
struct FixedLimits<Isa::avx2> {
  static constexpr int rows = 1;
};
template <>
struct FixedLimits<Isa::portable> {
  static constexpr int rows = 1;
};

/// Makes floats of a register of weights, 2^31 times what they stand for.
template <Isa isa>
struct FixedDecoder {
  using V = Vec<float, isa>;

  [[gnu::always_inline]] V operator()(const unsigned char* from) const {
    float each[V::lanes];
    for (int i = 0; i < V::lanes; ++i, from += 3) {
      each[i] = static_cast<float>(
          static_cast<int32_t>(uint32_t{from[0]} << 8 | uint32_t{from[1]} << 16 | uint32_t{from[2]} << 24));
    }
    return V::load(each);
  }
};

#if defined(__AVX512F__)
template <>
struct FixedDecoder<Isa::avx512> {
  // Three bytes go above one of zeros.
  __m512i places = _mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
  __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(-1, 0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11));

  [[gnu::always_inline]] Vec<float, Isa::avx512> operator()(const unsigned char* from) const {
    const __m512i packed = _mm512_permutexvar_epi32(places, _mm512_loadu_si512(from));
    return {_mm512_cvtepi32_ps(_mm512_shuffle_epi8(packed, bytes))};
  }
};
#endif

#if defined(__AVX2__)
template <>
struct FixedDecoder<Isa::avx2> {
  __m256i places = _mm256_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5);
  __m256i bytes = _mm256_broadcastsi128_si256(_mm_setr_epi8(-1, 0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11));

  [[gnu::always_inline]] Vec<float, Isa::avx2> operator()(const unsigned char* from) const {
    const __m256i row = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return {_mm256_cvtepi32_ps(_mm256_shuffle_epi8(_mm256_permutevar8x32_epi32(row, places), bytes))};
  }
};
#endif

template <Isa isa, int rows>
[[gnu::noinline]] void fixed_tile(const FixedArgs& a) {
  using V = Vec<float, isa>;
  constexpr int lanes = V::lanes, wide = static_cast<int>(fixed_columns) / lanes;
  // Far enough ahead for main memory, and beyond what the hardware fetches by itself, which ends with a page.
  constexpr int64_t ahead = 4096;
  const FixedDecoder<isa> decode;
  V sums[rows][wide];
  unroll<rows>([&](int i) __attribute__((always_inline)) {
    unroll<wide>([&](int j) __attribute__((always_inline)) {
      sums[i][j] = a.goes_on ? V::load(a.sums + i * fixed_columns + j * lanes) : V::all(0.0f);
    });
  });
  const unsigned char* from = a.weights;
  for (int64_t k = 0; k < a.depth; ++k, from += fixed_step_bytes) {
    const char* const next = reinterpret_cast<const char*>(from) + ahead;
    unroll<fixed_step_bytes / 64>([&](int i)
                                      __attribute__((always_inline)) { __builtin_prefetch(next + 64 * i, 0, 3); });
    V x[rows];
    unroll<rows>([&](int i) __attribute__((always_inline)) { x[i] = V::all(a.in[i * a.in_row + k] * 0x1p-31f); });
    unroll<wide>([&](int j) __attribute__((always_inline)) {
      const V weights = decode(from + 3 * lanes * j);
      unroll<rows>([&](int i) __attribute__((always_inline)) { sums[i][j] = fma(x[i], weights, sums[i][j]); });
    });
  }
  unroll<rows>([&](int i) __attribute__((always_inline)) {
    unroll<wide>([&](int j)
                     __attribute__((always_inline)) { sums[i][j].store(a.sums + i * fixed_columns + j * lanes); });
  });
}

template <Isa isa>
constexpr FixedTable make_fixed_table() {
  FixedTable table{};
  table.rows = FixedLimits<isa>::rows;
  unroll<FixedLimits<isa>::rows>([&](auto i) { table.tiles[i + 1] = fixed_tile<isa, i + 1>; });
  return table;
}

}  // namespace kiln
