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

/// Tiles of rows x blocks on `lines` lines. in_step is `lanes` if `dense`.
///
/// A tile ends in a burst of stores, and the fewer others come with it (saved registers, arguments of the next call),
/// the sooner the next tile's multiply-adds begin.
template <Isa isa, int rows, int blocks, bool dense, int lines>
[[gnu::noinline]] void tile(const TileArgs& a) {
  using V = Vec<float, isa>;
  constexpr int lanes = V::lanes, pixels = rows * lines;
  const int64_t in_step = dense ? lanes : a.in_step;
  const float* in = a.in;
  float* out = a.out;
  const float* residual = a.residual;
  const char* prefetch = a.prefetch;
  int64_t tiles = a.tiles;
  do {
    V sums[pixels][blocks];
    unroll<blocks>([&](auto j) __attribute__((always_inline)) {
      const V bias = V::load(a.bias + j * lanes);
      unroll<pixels>([&](auto i) __attribute__((always_inline)) { sums[i][j] = bias; });
    });

    const int64_t out_step = a.out_step, out_block = a.out_block;
    if (residual != nullptr) {
      // Fetched while the tile is summed.
      const auto fetch = [&](const float* from) __attribute__((always_inline)) {
        unroll<rows>([&](auto) __attribute__((always_inline)) {
          unroll<blocks>([&](auto j)
                             __attribute__((always_inline)) { __builtin_prefetch(from + j * out_block, 0, 3); });
          from += out_step;
        });
      };
      fetch(residual);
      if constexpr (lines == 2) fetch(residual + a.out_line);
    }

    const float* w = a.weights;
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
    const int64_t ahead = a.prefetch_lines * 64;
    const auto walk = [&](const ptrdiff_t* offsets, int64_t groups, int64_t length) __attribute__((always_inline)) {
      for (int64_t g = 0; g < groups; ++g) {
        for (const char* const stop = prefetch + ahead; prefetch != stop; prefetch += 64) {
          __builtin_prefetch(prefetch, 0, 2);
        }
        const float* p = in + offsets[g];
        for (const float* const end = p + length; p != end; ++p) step(p, p + a.in_line);
      }
    };
    walk(a.offsets, a.groups, a.length);
    if (a.tail_groups != 0) walk(a.offsets + a.groups, a.tail_groups, a.tail_length);

    if (residual != nullptr) {
      const auto add = [&](auto line, const float* from) __attribute__((always_inline)) {
        unroll<rows>([&](auto i) __attribute__((always_inline)) {
          unroll<blocks>([&](auto j) __attribute__((always_inline)) {
            V& sum = sums[line * rows + i][j];
            sum = sum + V::load(from + j * out_block);
          });
          from += out_step;
        });
      };
      add(Index<0>(), residual);
      if constexpr (lines == 2) add(Index<1>(), residual + a.out_line);
      residual += rows * out_step;
    }
    const V low = V::all(a.low), high = V::all(a.high);
    const auto store = [&](auto line, float* to) __attribute__((always_inline)) {
      unroll<rows>([&](auto i) __attribute__((always_inline)) {
        unroll<blocks>([&](auto j) __attribute__((always_inline)) {
          min(high, max(low, sums[line * rows + i][j])).store(to + j * out_block);
        });
        to += out_step;
      });
    };
    store(Index<0>(), out);
    if constexpr (lines == 2) store(Index<1>(), out + a.out_line);
    out += rows * out_step;
    in += rows * in_step;
  } while (--tiles > 0);
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
