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
  static constexpr bool halves = true;
};
template <>
struct TileLimits<Isa::avx2> {
  static constexpr int blocks = 4, rows[] = {0, 12, 6, 4, 3}, two_line_rows = 3;
  static constexpr bool halves = false;
};
template <>
struct TileLimits<Isa::portable> {
  static constexpr int blocks = 2, rows[] = {0, 6, 3, 0, 0}, two_line_rows = 0;
  static constexpr bool halves = false;
};

/// The type of the sums of a block of which only the lower half is used.
template <class V, bool half>
struct LowerHalf {
  using type = V;
};
template <class V>
struct LowerHalf<V, true> {
  using type = Vec<float, Isa::avx2>;
};

/// The sums of a tile of rows x blocks on `lines` lines. If `half`, the upper half of the last block has no channels.
template <Isa isa, int rows, int blocks, int lines, bool half>
struct TileSums {
  using V = Vec<float, isa>;
  using Lower = typename LowerHalf<V, half>::type;
  static constexpr int lanes = V::lanes, pixels = rows * lines, last = blocks - 1, whole = half ? last : blocks;

  V sums[pixels][blocks];
  Lower lower[pixels];  ///< of the last block, if `half`

  [[gnu::always_inline]] void begin(const float* bias) {
    unroll<whole>([&](int j) __attribute__((always_inline)) {
      const V of_block = V::load(bias + j * lanes);
      unroll<pixels>([&](int i) __attribute__((always_inline)) { sums[i][j] = of_block; });
    });
    if constexpr (half) {
      const Lower of_block = Lower::load(bias + last * lanes);
      unroll<pixels>([&](int i) __attribute__((always_inline)) { lower[i] = of_block; });
    }
  }

  /// Goes on from sums that were kept, [pixel][blocks * lanes].
  [[gnu::always_inline]] void begin_with(const float* partial, int64_t step) {
    unroll<pixels>([&](int i) __attribute__((always_inline)) {
      const float* const from = partial + i * step;
      unroll<whole>([&](int j) __attribute__((always_inline)) { sums[i][j] = sums[i][j] + V::load(from + j * lanes); });
      if constexpr (half) lower[i] = lower[i] + Lower::load(from + last * lanes);
    });
  }

  /// Adds the products of one float of K.
  [[gnu::always_inline]] void step(const float* line0, const float* line1, int64_t in_step, const float* w) {
    const auto pixel = [&](int i) __attribute__((always_inline)) {
      return V::all((i < rows ? line0 : line1)[(i % rows) * in_step]);
    };
    if constexpr (blocks <= pixels) {
      V weights[blocks];
      unroll<whole>([&](int j) __attribute__((always_inline)) { weights[j] = V::load(w + j * lanes); });
      const Lower of_last = Lower::load(w + last * lanes);
      unroll<pixels>([&](int i) __attribute__((always_inline)) {
        const V x = pixel(i);
        unroll<whole>([&](int j) __attribute__((always_inline)) { sums[i][j] = fma(x, weights[j], sums[i][j]); });
        if constexpr (half) lower[i] = fma(lower_half(x), of_last, lower[i]);
      });
    } else {
      V x[pixels];
      unroll<pixels>([&](int i) __attribute__((always_inline)) { x[i] = pixel(i); });
      unroll<whole>([&](int j) __attribute__((always_inline)) {
        const V weights = V::load(w + j * lanes);
        unroll<pixels>([&](int i) __attribute__((always_inline)) { sums[i][j] = fma(x[i], weights, sums[i][j]); });
      });
      if constexpr (half) {
        const Lower of_last = Lower::load(w + last * lanes);
        const auto add = [&](int i) __attribute__((always_inline)) {
          lower[i] = fma(lower_half(x[i]), of_last, lower[i]);
        };
        unroll<pixels>(add);
      }
    }
  }

  /// Calls body(pixel, place) for all pixels of a tensor that lies as the output does.
  template <class Float, class Body>
  [[gnu::always_inline]] static void each_pixel(const TileArgs& a, Float* first, Body&& body) {
    const auto line = [&](int l, Float* at) __attribute__((always_inline)) {
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        body(l * rows + i, at);
        at += a.out_step;
      });
    };
    line(0, first);
    if constexpr (lines == 2) line(1, first + a.out_line);
  }

  [[gnu::always_inline]] static void fetch(const TileArgs& a, const float* residual) {
    each_pixel(
        a, residual, [&](int, const float* from) __attribute__((always_inline)) {
          unroll<blocks>([&](int j)
                             __attribute__((always_inline)) { __builtin_prefetch(from + j * a.out_block, 0, 3); });
        });
  }

  [[gnu::always_inline]] void add(const TileArgs& a, const float* residual) {
    each_pixel(
        a, residual, [&](int i, const float* from) __attribute__((always_inline)) {
          unroll<whole>([&](int j) __attribute__((always_inline)) {
            sums[i][j] = sums[i][j] + V::load(from + j * a.out_block);
          });
          if constexpr (half) lower[i] = lower[i] + Lower::load(from + last * a.out_block);
        });
  }

  [[gnu::always_inline]] void store(const TileArgs& a, float* out) const {
    const V low = V::all(a.low), high = V::all(a.high);
    const int64_t out_block = a.out_block;
    each_pixel(
        a, out, [&](int i, float* to) __attribute__((always_inline)) {
          unroll<whole>([&](int j) __attribute__((always_inline)) {
            min(high, max(low, sums[i][j])).store(to + j * out_block);
          });
          if constexpr (half) {
            const Lower sum = min(lower_half(high), max(lower_half(low), lower[i]));
            V::widened(sum).store(to + last * out_block);
          }
        });
  }
};

/// Tiles in a row. in_step is `lanes` if `dense`.
///
/// A tile ends in a burst of stores, and the fewer others come with it (saved registers, arguments of the next call),
/// the sooner the next tile's multiply-adds begin.
template <Isa isa, int rows, int blocks, bool dense, int lines, bool half>
[[gnu::noinline]] void tile(const TileArgs& args) {
  constexpr int lanes = Vec<float, isa>::lanes;
  const int64_t in_step = dense ? lanes : args.in_step;
  const float* in = args.in;
  float* out = args.out;
  const float* residual = args.residual;
  const float* partial = args.partial;
  const char* prefetch = args.prefetch;
  int64_t tiles = args.tiles;
  do {
    TileSums<isa, rows, blocks, lines, half> sums;
    sums.begin(args.bias);
    if (lines == 1 && partial != nullptr) {
      sums.begin_with(partial, args.partial_step);
      partial += rows * args.partial_step;
    }
    if (residual != nullptr) sums.fetch(args, residual);
    const float* w = args.weights;
    const int64_t ahead = args.prefetch_lines * 64;
    const int64_t* skips = args.skips;
    const auto walk = [&](const ptrdiff_t* offsets, int64_t groups, int64_t length) __attribute__((always_inline)) {
      for (int64_t g = 0; g < groups; ++g) {
        if (skips != nullptr) w += *skips++ * (blocks * lanes);
        for (const char* const stop = prefetch + ahead; prefetch != stop; prefetch += 64) {
          __builtin_prefetch(prefetch, 0, 2);
        }
        const float* p = in + offsets[g];
        for (const float* const end = p + length; p != end; ++p, w += blocks * lanes) {
          sums.step(p, p + args.in_line, in_step, w);
        }
      }
    };
    walk(args.offsets, args.groups, args.length);
    if (args.tail_groups != 0) walk(args.offsets + args.groups, args.tail_groups, args.tail_length);
    if (residual != nullptr) {
      sums.add(args, residual);
      residual += rows * args.out_step;
    }
    sums.store(args, out);
    out += rows * args.out_step;
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

template <Isa isa, int blocks, int... i>
constexpr void fill_tiles(TileTable& table, std::integer_sequence<int, i...>) {
  ((table.tiles[0][blocks][i + 1] = tile<isa, i + 1, blocks, false, 1, false>), ...);
  ((table.tiles[1][blocks][i + 1] = tile<isa, i + 1, blocks, true, 1, false>), ...);
  if constexpr (TileLimits<isa>::halves) {
    ((table.halves[blocks][i + 1] = tile<isa, i + 1, blocks, true, 1, true>), ...);
  }
}

template <Isa isa, int... i>
constexpr void fill_two_lines(TileTable& table, std::integer_sequence<int, i...>) {
  ((table.two_lines[i + 1] = tile<isa, i + 1, 2, true, 2, false>), ...);
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
    fill_tiles<isa, blocks>(table, std::make_integer_sequence<int, rows>());
  });
  fill_two_lines<isa>(table, std::make_integer_sequence<int, Limits::two_line_rows>());
  return table;
}

}  // namespace kiln
