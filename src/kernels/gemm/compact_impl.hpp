#pragma once

#include <cstring>

#include "kernels/gemm/compact_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by compact_<isa>.cpp only.
namespace kiln {

template <Isa isa>
struct CompactLimits;
template <>
struct CompactLimits<Isa::avx512> {
  static constexpr int rows = 6;
};
template <>
struct CompactLimits<Isa::avx2> {
  static constexpr int rows = 1;
};
template <>
struct CompactLimits<Isa::portable> {
  static constexpr int rows = 1;
};

/// Makes the weights of sixteen columns, a register at a time: weights(first bytes, codes, which four bits, to).
template <Isa isa>
struct CompactDecoder {
  using V = Vec<float, isa>;
  const int32_t* exponents;

  [[gnu::always_inline]] explicit CompactDecoder(const int32_t* of_codes) : exponents(of_codes) {}

  template <int upper>
  [[gnu::always_inline]] void sixteen(const unsigned char* from, const unsigned char* codes, V* to) const {
    float each[16];
    for (int i = 0; i < 16; ++i, from += 3) {
      const uint32_t rest = from[0] | uint32_t{from[1]} << 8 | uint32_t{from[2]} << 16;
      const auto exponent = static_cast<uint32_t>(exponents[upper != 0 ? codes[i] >> 4 : codes[i] & 15]);
      const uint32_t bits = rest >> 1 | exponent << 23 | rest << 31;
      std::memcpy(each + i, &bits, sizeof bits);
    }
    for (int i = 0; i < 2; ++i) to[i] = V::load(each + 8 * i);
  }
};

#if defined(__AVX512F__)
template <>
struct CompactDecoder<Isa::avx512> {
  using V = Vec<float, Isa::avx512>;
  __m512i places, bytes, exponents;

  [[gnu::always_inline]] explicit CompactDecoder(const int32_t* of_codes)
      : places(_mm512_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11)),
        // Three bytes go above one of zeros, which is the exponent's.
        bytes(_mm512_broadcast_i32x4(_mm_setr_epi8(-1, 0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11))),
        exponents(_mm512_loadu_si512(of_codes)) {}

  template <int upper>
  [[gnu::always_inline]] void sixteen(const unsigned char* from, const unsigned char* codes, V* to) const {
    __m512i code = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes)));
    if constexpr (upper != 0) code = _mm512_srli_epi32(code, 4);
    const __m512i packed = _mm512_permutexvar_epi32(places, _mm512_loadu_si512(from));
    const __m512i rotated =
        _mm512_or_si512(_mm512_shuffle_epi8(packed, bytes), _mm512_permutexvar_epi32(code, exponents));
    to[0] = {_mm512_castsi512_ps(_mm512_ror_epi32(rotated, 9))};
  }
};
#endif

#if defined(__AVX2__)
template <>
struct CompactDecoder<Isa::avx2> {
  using V = Vec<float, Isa::avx2>;
  __m256i places, bytes, exponents;

  [[gnu::always_inline]] explicit CompactDecoder(const int32_t* of_codes)
      : places(_mm256_setr_epi32(0, 1, 2, 2, 3, 4, 5, 5)),
        bytes(_mm256_broadcastsi128_si256(_mm_setr_epi8(-1, 0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11))) {
    alignas(16) unsigned char each[compact_codes];
    for (int i = 0; i < compact_codes; ++i) each[i] = static_cast<unsigned char>(of_codes[i]);
    exponents = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(each)));
  }

  template <int upper>
  [[gnu::always_inline]] void sixteen(const unsigned char* from, const unsigned char* codes, V* to) const {
    unroll<2>([&](int i) __attribute__((always_inline)) {
      __m256i code = _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + 8 * i)));
      code = upper != 0 ? _mm256_srli_epi32(code, 4) : _mm256_and_si256(code, _mm256_set1_epi32(15));
      // Places of negative number give zeros.
      code = _mm256_or_si256(code, _mm256_set1_epi32(static_cast<int>(0x80808000u)));
      const __m256i row = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 24 * i));
      const __m256i packed = _mm256_shuffle_epi8(_mm256_permutevar8x32_epi32(row, places), bytes);
      const __m256i rotated = _mm256_or_si256(packed, _mm256_shuffle_epi8(exponents, code));
      to[i] = {_mm256_castsi256_ps(_mm256_or_si256(_mm256_srli_epi32(rotated, 9), _mm256_slli_epi32(rotated, 23)))};
    });
  }
};
#endif

template <Isa isa, int rows>
[[gnu::noinline]] void compact_tile(const CompactArgs& a) {
  using V = Vec<float, isa>;
  constexpr int lanes = V::lanes, wide = static_cast<int>(compact_columns) / lanes, each = 16 / lanes;
  // Far enough ahead for main memory, and beyond what the hardware fetches by itself, which ends with a page.
  constexpr int64_t ahead = 4096;
  const CompactDecoder<isa> decoder(a.exponents);
  V sums[rows][wide];
  unroll<rows>([&](int i) __attribute__((always_inline)) {
    unroll<wide>([&](int j) __attribute__((always_inline)) {
      sums[i][j] = a.goes_on ? V::load(a.sums + i * compact_columns + j * lanes) : V::all(0.0f);
    });
  });
  const unsigned char* from = a.weights;
  for (int64_t k = 0; k < a.depth; ++k, from += compact_step_bytes) {
    const char* const next = reinterpret_cast<const char*>(from) + ahead;
    unroll<4>([&](int i) __attribute__((always_inline)) { __builtin_prefetch(next + 56 * i, 0, 3); });
    unroll<4>([&](auto quarter) __attribute__((always_inline)) {
      const unsigned char* const half = from + quarter / 2 * compact_half_bytes;
      V weights[each];
      decoder.template sixteen<quarter % 2>(half + quarter % 2 * 48, half + 96, weights);
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        const V x = V::all(a.in[i * a.in_row + k]);
        unroll<each>([&](int j) __attribute__((always_inline)) {
          V& sum = sums[i][quarter * each + j];
          sum = fma(x, weights[j], sum);
        });
      });
    });
  }
  unroll<rows>([&](int i) __attribute__((always_inline)) {
    unroll<wide>([&](int j)
                     __attribute__((always_inline)) { sums[i][j].store(a.sums + i * compact_columns + j * lanes); });
  });
}

template <Isa isa>
constexpr CompactTable make_compact_table() {
  CompactTable table{};
  table.rows = CompactLimits<isa>::rows;
  unroll<CompactLimits<isa>::rows>([&](auto i) { table.tiles[i + 1] = compact_tile<isa, i + 1>; });
  return table;
}

}  // namespace kiln
