#pragma once

#include <utility>
#include "kernels/simd/vec.hpp"

#include "kernels/strassen/strassen_table.hpp"

/// Included by strassen_<isa>.cpp only.
namespace kiln {

template <Isa isa>
void sum_quarters(const QuarterSumArgs& a) {
  using V = Vec<float, isa>;
  const V zero = V::all(0.0f);
  for (int64_t i = 0; i < a.count; i += V::lanes) {
    const V high = V::load(a.high + i), low = a.low == nullptr ? zero : V::load(a.low + i);
    const V s1 = a.low_right == nullptr ? low : low + V::load(a.low_right + i), s2 = s1 - high;
    s1.store(a.s1 + i);
    s2.store(a.s2 + i);
    (high - low).store(a.s3 + i);
    (V::load(a.high_right + i) - s2).store(a.s4 + i);
  }
}

template <Isa isa>
void subtract(const float* a, const float* b, float* to, int64_t count) {
  using V = Vec<float, isa>;
  for (int64_t i = 0; i < count; i += V::lanes) (V::load(a + i) - V::load(b + i)).store(to + i);
}

template <Isa isa, int rows, int blocks>
[[gnu::noinline]] void difference_tile(const DifferenceTileArgs& args) {
  using V = Vec<float, isa>;
  constexpr int lanes = V::lanes;
  const TileArgs& a = args.tile;
  V sums[rows][blocks];
  unroll<rows>([&](int i) __attribute__((always_inline)) {
    unroll<blocks>([&](int j) __attribute__((always_inline)) {
      sums[i][j] = a.partial == nullptr ? V::all(0.0f) : V::load(a.partial + i * a.partial_step + j * lanes);
    });
  });
  const float *w = a.weights, *minus = args.minus;
  float* to = args.differences;
  const char* prefetch = a.prefetch;
  for (int64_t g = 0; g < a.groups; ++g) {
    const float* p = a.in + a.offsets[g];
    for (int64_t i = 0; i < a.prefetch_lines; ++i, prefetch += 64) __builtin_prefetch(prefetch, 0, 2);
    for (const float* const end = p + a.length; p != end; ++p) {
      V weights[blocks];
      unroll<blocks>([&](int j) __attribute__((always_inline)) {
        weights[j] = V::load(w + j * lanes) - V::load(minus + j * lanes);
        weights[j].store(to + j * lanes);
      });
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        const V x = V::all(p[i * a.in_step]);
        unroll<blocks>([&](int j) __attribute__((always_inline)) { sums[i][j] = fma(x, weights[j], sums[i][j]); });
      });
      w += blocks * lanes, minus += blocks * lanes, to += blocks * lanes;
    }
  }
  unroll<rows>([&](int i) __attribute__((always_inline)) {
    unroll<blocks>([&](int j) __attribute__((always_inline)) { sums[i][j].store(a.out + i * a.out_step + j * lanes); });
  });
}

template <Isa isa, int blocks, int... i>
constexpr void fill_difference_tiles(StrassenTable& table, std::integer_sequence<int, i...>) {
  ((table.tiles[blocks][i + 1] = difference_tile<isa, i + 1, blocks>), ...);
}

/// Tiles of so many rows by two, three and four blocks.
template <Isa isa, int two, int three, int four>
constexpr StrassenTable make_strassen_table() {
  StrassenTable table{sum_quarters<isa>, subtract<isa>, {}};
  fill_difference_tiles<isa, 2>(table, std::make_integer_sequence<int, two>());
  fill_difference_tiles<isa, 3>(table, std::make_integer_sequence<int, three>());
  fill_difference_tiles<isa, 4>(table, std::make_integer_sequence<int, four>());
  return table;
}

}  // namespace kiln
