#pragma once

#include "kernels/simd/activate.hpp"
#include "kernels/tile/tile.hpp"

/// Included by tile_<isa>.cpp only.
namespace kiln {

/// The most rows that leave registers for one set of weights and a broadcast.
template <Isa isa>
struct TileLimits;
template <>
struct TileLimits<Isa::avx512> {
  static constexpr int blocks = 4, rows[] = {0, 28, 14, 9, 6}, two_line_rows = 7;
};
template <>
struct TileLimits<Isa::avx2> {
  static constexpr int blocks = 4, rows[] = {0, 12, 6, 4, 3}, two_line_rows = 3;
};
template <>
struct TileLimits<Isa::portable> {
  static constexpr int blocks = 2, rows[] = {0, 6, 3, 0, 0}, two_line_rows = 0;
};

/// A tile of rows x blocks on `lines` lines. in_step is `lanes` if `dense`.
template <Isa isa, int rows, int blocks, bool dense, int lines>
[[gnu::noinline]] void tile(const TileArgs& a) {
  using V = Vec<float, isa>;
  constexpr int lanes = V::lanes, pixels = rows * lines;
  const int64_t in_step = dense ? lanes : a.in_step;
  V sums[pixels][blocks];
  unroll<blocks>([&](auto j) __attribute__((always_inline)) {
    const V bias = V::load(a.bias + j * lanes);
    unroll<pixels>([&](auto i) __attribute__((always_inline)) { sums[i][j] = bias; });
  });
  if (lines == 1 && a.partial != nullptr) {
    unroll<pixels>([&](auto i) __attribute__((always_inline)) {
      unroll<blocks>([&](auto j) __attribute__((always_inline)) {
        sums[i][j] = sums[i][j] + V::load(a.partial + i * a.partial_step + j * lanes);
      });
    });
  }

  const float* w = a.weights;
  const char* prefetch = a.prefetch;
  const auto step = [&](const float* line0, const float* line1) __attribute__((always_inline)) {
    const auto pixel = [&](auto i) __attribute__((always_inline)) {
      return V::all((i < rows ? line0 : line1)[(i % rows) * in_step]);
    };
    if constexpr (blocks <= pixels) {
      V weights[blocks];
      unroll<blocks>([&](auto j) __attribute__((always_inline)) { weights[j] = V::load(w + j * lanes); });
      unroll<pixels>([&](auto i) __attribute__((always_inline)) {
        const V x = pixel(i);
        unroll<blocks>([&](auto j) __attribute__((always_inline)) { sums[i][j] = fma(x, weights[j], sums[i][j]); });
      });
    } else {
      V x[pixels];
      unroll<pixels>([&](auto i) __attribute__((always_inline)) { x[i] = pixel(i); });
      unroll<blocks>([&](auto j) __attribute__((always_inline)) {
        const V weights = V::load(w + j * lanes);
        unroll<pixels>([&](auto i) __attribute__((always_inline)) { sums[i][j] = fma(x[i], weights, sums[i][j]); });
      });
    }
    w += blocks * lanes;
  };
  const auto walk = [&](const ptrdiff_t* offsets, int64_t groups, int64_t length) __attribute__((always_inline)) {
    for (int64_t g = 0; g < groups; ++g) {
      const float* p = a.in + offsets[g];
      for (int64_t i = 0; i < a.prefetch_lines; ++i, prefetch += 64) __builtin_prefetch(prefetch, 0, 2);
      if (a.prefetch_input != 0) {
        unroll<rows>([&](auto i) __attribute__((always_inline)) {
          __builtin_prefetch(p + a.prefetch_input + i * in_step, 0, 3);
        });
      }
      const float* const end = p + length;
      for (; p != end; ++p) step(p, p + a.in_line);
    }
  };
  walk(a.offsets, a.groups, a.length);
  if (a.tail_groups != 0) walk(a.offsets + a.groups, a.tail_groups, a.tail_length);

  const V low = V::all(a.low), high = V::all(a.high);
  const auto finish = [&](auto add) __attribute__((always_inline)) {
    unroll<pixels>([&](auto i) __attribute__((always_inline)) {
      unroll<blocks>([&](auto j) __attribute__((always_inline)) {
        const int64_t at = (i / rows) * a.out_line + (i % rows) * a.out_step + j * a.out_block;
        if constexpr (add) sums[i][j] = sums[i][j] + V::load(a.residual + at);
        min(high, max(low, sums[i][j])).store(a.out + at);
      });
    });
  };
  if (a.residual != nullptr) {
    finish(Index<1>());
  } else {
    finish(Index<0>());
  }
}

template <Isa isa>
void tile_pass(const TilePassArgs& a) {
  using V = Vec<float, isa>;
  with_activation(a.activation, [&]<Activation activation>() {
    for (int64_t block = 0; block < a.blocks; ++block) {
      for (int64_t line = 0; line < a.lines; ++line) {
        int64_t at = block * a.block_step + line * a.line_step;
        for (int64_t pixel = 0; pixel < a.pixels; ++pixel, at += a.pixel_step) {
          V y = activate<activation>(V::load(a.out + at), a.alpha, a.beta);
          if (a.residual != nullptr) y = y + V::load(a.residual + at);
          y.store(a.out + at);
        }
      }
    }
  });
}

template <Isa isa, int blocks, bool dense, int... i>
constexpr void fill_tiles(TileTable& table, std::integer_sequence<int, i...>) {
  ((table.tiles[dense][blocks][i + 1] = tile<isa, i + 1, blocks, dense, 1>), ...);
}

template <Isa isa, int... i>
constexpr void fill_two_lines(TileTable& table, std::integer_sequence<int, i...>) {
  ((table.two_lines[i + 1] = tile<isa, i + 1, 2, true, 2>), ...);
}

template <Isa isa>
constexpr TileTable make_tile_table() {
  using Limits = TileLimits<isa>;
  TileTable table{};
  table.isa = isa;
  table.lanes = Vec<float, isa>::lanes;
  table.blocks = Limits::blocks;
  table.two_line_rows = Limits::two_line_rows;
  table.pass = tile_pass<isa>;
  unroll<Limits::blocks>([&](auto j) {
    constexpr int blocks = j + 1, rows = Limits::rows[blocks];
    table.rows[blocks] = rows;
    fill_tiles<isa, blocks, false>(table, std::make_integer_sequence<int, rows>());
    fill_tiles<isa, blocks, true>(table, std::make_integer_sequence<int, rows>());
  });
  fill_two_lines<isa>(table, std::make_integer_sequence<int, Limits::two_line_rows>());
  return table;
}

}  // namespace kiln
