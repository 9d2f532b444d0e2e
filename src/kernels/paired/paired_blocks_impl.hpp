#pragma once

#include "kernels/paired/paired_blocks.hpp"
#include "kernels/paired/paired_impl.hpp"

/// Included by paired_blocks_<isa>.cpp only.
namespace kiln {

/// Each odd lane twice.
#if defined(__AVX512F__)
[[gnu::always_inline]] inline Vec<float, Isa::avx512> odd_lanes(Vec<float, Isa::avx512> a) {
  return {_mm512_movehdup_ps(a.v)};
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline Vec<float, Isa::avx2> odd_lanes(Vec<float, Isa::avx2> a) {
  return {_mm256_movehdup_ps(a.v)};
}
#else
template <Isa isa>
[[gnu::always_inline]] inline Vec<float, isa> odd_lanes(Vec<float, isa> a) {
  float x[Vec<float, isa>::lanes];
  a.store(x);
  for (int i = 0; i < a.lanes; i += 2) x[i] = x[i + 1];
  return a.load(x);
}
#endif

/// A whole block, in the order of packed weights.
template <Isa isa, class Sums>
[[gnu::always_inline]] inline void add_paired_block(Sums& sums, const float* p, const float* w) {
  using Lanes = PairedLanes<Vec<float, isa>::lanes>;
  constexpr int pairs = Lanes::pair_count, left = Lanes::single_count - pairs;
  unroll<pairs>([&](auto i) __attribute__((always_inline)) {
    sums.template triple<i % 2 == 1>(p + Lanes::pairs[i], p + Lanes::singles[i], w + 3 * i * Sums::wide);
  });
  unroll<left>([&](int i) __attribute__((always_inline)) {
    sums.step(p + Lanes::singles[pairs + i], w + (3 * pairs + i) * Sums::wide);
  });
}

template <Isa isa, int rows, int blocks>
[[gnu::noinline]] void paired_blocks_tile(const PairedTileArgs& a) {
  constexpr int lanes = Vec<float, isa>::lanes;
  PairedSums<isa, rows, blocks, lanes> sums;
  constexpr int wide = sums.wide;
  sums.begin(a);
  const float *in = a.in, *w = a.weights;
  const char* prefetch = a.prefetch;
  const int64_t ahead = a.prefetch_lines * 64;
  int64_t rest = a.depth;
  for (; rest >= lanes; rest -= lanes, in += a.in_chunk, w += lanes * wide) {
    for (const char* const stop = prefetch + ahead; prefetch != stop; prefetch += 64) {
      __builtin_prefetch(prefetch, 0, 2);
    }
    add_paired_block<isa>(sums, in, w);
  }
  for (int64_t k = 0; k < rest; ++k, w += wide) sums.step(in + k, w);
  sums.end(a);
}

/// Where lanes begin a pair: the sign of what its product adds to a row's start.
template <int lanes>
struct PairedSigns {
  alignas(64) float at[lanes];
  constexpr PairedSigns() : at{} {
    for (int i = 0; i < PairedLanes<lanes>::pair_count; ++i) {
      at[PairedLanes<lanes>::pairs[i]] = i % 2 == 0 ? -1.0f : 1.0f;
    }
  }
};

template <Isa isa>
float scale_of_blocks_most(const float* x, int64_t blocks, int64_t step) {
  using V = Vec<float, isa>;
  V most = V::all(0.0f);
  for (int64_t block = 0; block < blocks; ++block) most = max(most, abs(V::load(x + block * step)));
  return scale_of_most<isa>(largest(most));
}

/// The sums of the lanes of some registers, each as sum() has it.
template <int rows, class V>
[[gnu::always_inline]] inline void sum_each(const V* x, float* to) {
#if defined(__AVX512F__)
  if constexpr (rows >= 8) {
    // Registers are halved and joined in pairs that let the sums end up in order.
    __m512 half[8], quarter[4], two[2];
    unroll<8>([&](int i) __attribute__((always_inline)) {
      const int first = i / 2 + i % 2 * 8, second = first + 4;
      const __m512 a = x[first < rows ? first : 0].v, b = x[second < rows ? second : 0].v;
      half[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    });
    unroll<4>([&](int i) __attribute__((always_inline)) {
      const __m512 a = half[2 * i], b = half[2 * i + 1];
      quarter[i] = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    });
    unroll<2>([&](int i) __attribute__((always_inline)) {
      const __m512 a = quarter[2 * i], b = quarter[2 * i + 1];
      two[i] = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
    });
    const __m512 sums = _mm512_add_ps(_mm512_shuffle_ps(two[0], two[1], 0x88), _mm512_shuffle_ps(two[0], two[1], 0xdd));
    _mm512_mask_storeu_ps(to, (1u << rows) - 1, sums);
    return;
  }
#endif
  unroll<rows>([&](int i) __attribute__((always_inline)) { to[i] = sum(x[i]); });
}

/// Some rows side by side, so that one sum does not wait for the other.
template <Isa isa, int rows>
[[gnu::always_inline]] inline void make_rows_ready(const PairedBlocksTable::ReadyArgs& a, int64_t first) {
  using V = Vec<float, isa>;
  constexpr int lanes = V::lanes;
  static constexpr PairedSigns<lanes> signs;
  const int64_t whole = a.depth / lanes, blocks = whole + (a.depth % lanes != 0);
  float* const x = a.at + first * lanes;
  V sums[rows];
  float scales[rows];
  unroll<rows>([&](int i) __attribute__((always_inline)) { sums[i] = V::all(0.0f); });
  for (int64_t block = 0; block < blocks; ++block) {
    unroll<rows>([&](int i) __attribute__((always_inline)) {
      const V v = V::load(x + block * a.step + i * lanes);
      sums[i] = fma(v, v, sums[i]);
    });
  }
  sum_each<rows>(sums, scales);
  const float each = 1 / static_cast<float>(a.depth);
  bool all_told = true;
  for (float& scale : scales) scale = scale_of_mean<isa>(scale * each);
  for (const float scale : scales) all_told &= scale != 0;
  for (int64_t i = 0; i < rows && !all_told; ++i) {
    if (scales[i] == 0) scales[i] = scale_of_blocks_most<isa>(x + i * lanes, blocks, a.step);
  }
  for (float& scale : scales) scale *= a.size;
  for (int64_t i = 0; i < rows; ++i) a.unscale[first + i] = 1 / scales[i];
  unroll<rows>([&](int i) __attribute__((always_inline)) { sums[i] = V::all(0.0f); });
  for (int64_t block = 0; block < whole; ++block) {
    unroll<rows>([&](int i) __attribute__((always_inline)) {
      float* const at = x + block * a.step + i * lanes;
      const V v = V::load(at) * V::all(scales[i]);
      v.store(at);
      sums[i] = fma(v, odd_lanes(v), sums[i]);
    });
  }
  const V of_pairs = V::load(signs.at);
  unroll<rows>([&](int i) __attribute__((always_inline)) {
    float* const last = x + whole * a.step + i * lanes;
    if (whole < blocks) (V::load(last) * V::all(scales[i])).store(last);
    sums[i] = sums[i] * of_pairs;
  });
  sum_each<rows>(sums, a.start + first);
}

template <Isa isa>
void make_blocks_ready(const PairedBlocksTable::ReadyArgs& a) {
  int64_t row = 0;
  if constexpr (isa == Isa::avx512) {
    for (; row + 16 <= a.rows; row += 16) make_rows_ready<isa, 16>(a, row);
    for (; row + 8 <= a.rows; row += 8) make_rows_ready<isa, 8>(a, row);
  }
  for (; row + 4 <= a.rows; row += 4) make_rows_ready<isa, 4>(a, row);
  for (; row < a.rows; ++row) make_rows_ready<isa, 1>(a, row);
}

/// Rows of one block alone are those of an odd block behind pairs of them.
constexpr int most_paired_block_rows = 14;

/// Only these have code: the largest, which do most of the work, and even numbers for what they leave. The usual two
/// blocks have odd numbers of many rows too, so that more rows can be shared out evenly.
constexpr bool has_paired_blocks_tile(int rows, int blocks, int most) {
  return rows == 1 || rows == most || rows % 2 == 0 || (blocks == 2 && 2 * rows > most);
}

template <Isa isa, int blocks, int most, int rows>
constexpr PairedTile paired_blocks_tile_or_null() {
  if constexpr (has_paired_blocks_tile(rows, blocks, most)) return paired_blocks_tile<isa, rows, blocks>;
  return nullptr;
}

template <Isa isa, int blocks, int... i>
constexpr void fill_paired_blocks(PairedBlocksTable& table, std::integer_sequence<int, i...>) {
  ((table.tiles[blocks][i + 1] = paired_blocks_tile_or_null<isa, blocks, sizeof...(i), i + 1>()), ...);
}

template <Isa isa>
constexpr PairedBlocksTable make_paired_blocks_table() {
  PairedBlocksTable table{};
  table.lanes = Vec<float, isa>::lanes;
  table.make_ready = make_blocks_ready<isa>;
  unroll<PairedLimits<isa>::blocks>([&](auto j) {
    constexpr int blocks = j + 1, most = PairedLimits<isa>::rows[blocks];
    constexpr int rows = most < most_paired_block_rows ? most : most_paired_block_rows;
    table.rows[blocks] = rows;
    fill_paired_blocks<isa, blocks>(table, std::make_integer_sequence<int, rows>());
  });
  return table;
}

}  // namespace kiln
