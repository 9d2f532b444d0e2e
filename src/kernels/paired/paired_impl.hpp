#pragma once

#include <cstring>
#include <utility>

#include "kernels/paired/paired_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by paired_<isa>.cpp and paired_blocks_<isa>.cpp only.
namespace kiln {

template <Isa isa>
struct PairedLimits;
template <>
struct PairedLimits<Isa::avx512> {
  static constexpr int blocks = 4, rows[] = {0, 28, 14, 9, 7};
};
template <>
struct PairedLimits<Isa::avx2> {
  static constexpr int blocks = 2, rows[] = {0, 8, 4};
};
template <>
struct PairedLimits<Isa::portable> {
  static constexpr int blocks = 2, rows[] = {0, 4, 3};
};

#if defined(__AVX512F__)
// Numbers from memory are operands of the arithmetic: a broadcast by itself would take the unit that adds. And
// compilers left to themselves let multiply-adds write over a factor, which moves all sums from register to register.
[[gnu::always_inline]] inline void add_product(Vec<float, Isa::avx512>& sum, Vec<float, Isa::avx512> a,
                                               const float& b) {
  asm("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum.v) : "v"(a.v), "m"(b));
}
/// sum += (a + x) (b + y), or (a + x) (b - y)
template <bool negative>
[[gnu::always_inline]] inline void add_pair(Vec<float, Isa::avx512>& sum, Vec<float, Isa::avx512> a,
                                            Vec<float, Isa::avx512> b, const float& x, const float& y) {
  Vec<float, Isa::avx512> first, second;
  if constexpr (negative) {
    asm("vaddps %5%{1to16%}, %3, %1\n\tvsubps %6%{1to16%}, %4, %2\n\tvfmadd231ps %1, %2, %0"
        : "+v"(sum.v), "=&v"(first.v), "=&v"(second.v)
        : "v"(a.v), "v"(b.v), "m"(x), "m"(y));
  } else {
    asm("vaddps %5%{1to16%}, %3, %1\n\tvaddps %6%{1to16%}, %4, %2\n\tvfmadd231ps %1, %2, %0"
        : "+v"(sum.v), "=&v"(first.v), "=&v"(second.v)
        : "v"(a.v), "v"(b.v), "m"(x), "m"(y));
  }
}
#endif

/// The sums of a tile whose rows lie `row_step` floats apart.
template <Isa isa, int rows, int blocks, int row_step>
struct PairedSums {
  using V = Vec<float, isa>;
  static constexpr int lanes = V::lanes, wide = blocks * lanes;

  V sums[rows][blocks];

  [[gnu::always_inline]] void begin(const PairedTileArgs& a) {
    if (a.partial != nullptr) {
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        unroll<blocks>([&](int j)
                           __attribute__((always_inline)) { sums[i][j] = V::load(a.partial + i * wide + j * lanes); });
      });
      return;
    }
    unroll<blocks>([&](int j) __attribute__((always_inline)) {
      const V of_column = V::load(a.column_start + j * lanes);
      unroll<rows>([&](int i) __attribute__((always_inline)) { sums[i][j] = of_column + V::all(a.row_start[i]); });
    });
  }

  /// One float of K.
  [[gnu::always_inline]] void step(const float* p, const float* w) {
    if constexpr (isa == Isa::avx512) {
      unroll<blocks>([&](int j) __attribute__((always_inline)) { step_column(j, p, w); });
    } else {
      V b[blocks];
      unroll<blocks>([&](int j) __attribute__((always_inline)) { b[j] = V::load(w + j * lanes); });
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        const V x = V::all(p[i * row_step]);
        unroll<blocks>([&](int j) __attribute__((always_inline)) { sums[i][j] = fma(x, b[j], sums[i][j]); });
      });
    }
  }

  [[gnu::always_inline]] void step_column(int j, const float* p, const float* w) {
    const V b = V::load(w + j * lanes);
    unroll<rows>([&](int i) __attribute__((always_inline)) { add_product(sums[i][j], b, p[i * row_step]); });
  }

  /// Two floats of K as a pair, and one by itself.
  template <bool negative>
  [[gnu::always_inline]] void triple(const float* pair, const float* single, const float* w) {
    if constexpr (isa == Isa::avx512) {
      unroll<blocks>([&](int j) __attribute__((always_inline)) {
        const V b = V::load(w + j * lanes), c = V::load(w + wide + j * lanes);
        unroll<rows>([&](int i) __attribute__((always_inline)) {
          const float* const x = pair + i * row_step;
          add_pair<negative>(sums[i][j], b, c, x[0], x[1]);
        });
        step_column(j, single, w + 2 * wide);
      });
    } else {
      V b[blocks], c[blocks];
      unroll<blocks>([&](int j) __attribute__((always_inline)) {
        b[j] = V::load(w + j * lanes), c[j] = V::load(w + wide + j * lanes);
      });
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        const V x = V::all(pair[i * row_step]), y = V::all(pair[i * row_step + 1]);
        unroll<blocks>([&](int j) __attribute__((always_inline)) {
          const V first = b[j] + x, second = negative ? c[j] - y : c[j] + y;
          sums[i][j] = fma(first, second, sums[i][j]);
        });
      });
      step(single, w + 2 * wide);
    }
  }

  [[gnu::always_inline]] void end(const PairedTileArgs& a) const {
    if (a.sums != nullptr) {
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        unroll<blocks>([&](int j) __attribute__((always_inline)) { sums[i][j].store(a.sums + i * wide + j * lanes); });
      });
      return;
    }
    const V low = V::all(a.low), high = V::all(a.high);
    unroll<blocks>([&](int j) __attribute__((always_inline)) {
      const V unscale = V::load(a.column_unscale + j * lanes), bias = V::load(a.bias + j * lanes);
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        const int64_t at = i * a.out_step + j * a.out_block;
        V y = fma(sums[i][j], unscale * V::all(a.row_unscale[i]), bias);
        if (a.residual != nullptr) y = y + V::load(a.residual + at);
        min(high, max(low, y)).store(a.out + at);
      });
    });
  }
};

template <Isa isa, int rows, int blocks>
[[gnu::noinline]] void paired_tile(const PairedTileArgs& a) {
  PairedSums<isa, rows, blocks, paired_chunk> sums;
  constexpr int wide = sums.wide;
  sums.begin(a);
  const float *in = a.in, *w = a.weights;
  const char* prefetch = a.prefetch;
  const int64_t ahead = a.prefetch_lines * 64;
  for (int64_t rest = a.depth; rest > 0; rest -= paired_chunk, in += a.in_chunk) {
    const int64_t length = rest < paired_chunk ? rest : paired_chunk;
    const float* p = in;
    for (const float* const end = p + length / paired_step * paired_step; p != end; p += paired_step) {
      for (const char* const stop = prefetch + ahead; prefetch != stop; prefetch += 64) {
        __builtin_prefetch(prefetch, 0, 2);
      }
      sums.template triple<false>(p, p + 2, w);
      sums.template triple<true>(p + 3, p + 5, w + 3 * wide);
      w += paired_step * wide;
    }
    for (const float* const end = in + length; p != end; ++p, w += wide) sums.step(p, w);
  }
  sums.end(a);
}

/// All lanes of a but the first, and the first of b behind them.
#if defined(__AVX512F__)
[[gnu::always_inline]] inline Vec<float, Isa::avx512> shifted(Vec<float, Isa::avx512> a, Vec<float, Isa::avx512> b) {
  return {_mm512_castsi512_ps(_mm512_alignr_epi32(_mm512_castps_si512(b.v), _mm512_castps_si512(a.v), 1))};
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline Vec<float, Isa::avx2> shifted(Vec<float, Isa::avx2> a, Vec<float, Isa::avx2> b) {
  const __m256i middle = _mm256_castps_si256(_mm256_permute2f128_ps(a.v, b.v, 0x21));
  return {_mm256_castsi256_ps(_mm256_alignr_epi8(middle, _mm256_castps_si256(a.v), 4))};
}
#else
[[gnu::always_inline]] inline Vec<float, Isa::portable> shifted(Vec<float, Isa::portable> a,
                                                                Vec<float, Isa::portable> b) {
  return {__builtin_shufflevector(a.low, a.high, 1, 2, 3, 4), __builtin_shufflevector(a.high, b.low, 1, 2, 3, 4)};
}
#endif

/// Goes through the floats of a row. Its runs are whole registers, but for one that holds the whole row.
template <Isa isa>
struct PairedRow {
  using V = Vec<float, isa>;
  static constexpr int lanes = V::lanes, of_chunk = paired_chunk / lanes;

  const float* from;
  const int64_t run, skip;
  int64_t left;

  explicit PairedRow(const PairedRowArgs& a) : from(a.from), run(a.run), skip(a.step - a.run), left(a.run) {}

  [[gnu::always_inline]] V next() {
    const V x = V::load(from);
    from += lanes, left -= lanes;
    if (left == 0) from += skip, left = run;
    return x;
  }
  /// Fewer than a register, with zeros behind them.
  [[gnu::always_inline]] V last(int count) const { return V::load_first(from, count); }
};

/// The scale that brings the root of a mean square near 1, a power of 2; 0 where the mean is too small or large to
/// tell.
template <Isa isa>
[[gnu::always_inline]] inline float scale_of_mean(float mean) {
  if (!(mean > 1e-30f && mean < 1e30f)) return 0;
  int32_t bits;
  std::memcpy(&bits, &mean, sizeof bits);
  // 2^-n for a mean from 2^(2n - 1) to 2^(2n + 1).
  const int32_t n = ((bits >> 23) - 127 + 1) >> 1, scale_bits = (127 - n) << 23;
  float scale;
  std::memcpy(&scale, &scale_bits, sizeof scale);
  return scale;
}

/// The same by the largest magnitude; 1 for zeros and what is no number.
template <Isa isa>
float scale_of_most(float most) {
  if (!(most > 0 && most <= 3e38f)) return 1;
  int exponent = 0;
  __builtin_frexpf(most * 0.70710678f, &exponent);
  exponent = exponent < -60 ? -60 : exponent > 60 ? 60 : exponent;
  return __builtin_ldexpf(1.0f, -exponent);
}

template <Isa isa>
[[gnu::always_inline]] inline float scale_of_row(const PairedRowArgs& a) {
  using Row = PairedRow<isa>;
  using V = typename Row::V;
  Row row(a);
  // Several sums, so that one multiply-add does not wait for the other.
  V squares[Row::of_chunk];
  for (V& of_place : squares) of_place = V::all(0.0f);
  int64_t rest = a.depth;
  for (; rest >= paired_chunk; rest -= paired_chunk) {
    unroll<Row::of_chunk>([&](int j) __attribute__((always_inline)) {
      const V x = row.next();
      squares[j] = fma(x, x, squares[j]);
    });
  }
  for (; rest > 0; rest -= V::lanes) {
    const V x = rest < V::lanes ? row.last(static_cast<int>(rest)) : row.next();
    squares[0] = fma(x, x, squares[0]);
  }
  unroll<Row::of_chunk - 1>([&](int j) __attribute__((always_inline)) { squares[0] = squares[0] + squares[j + 1]; });
  const float scale = scale_of_mean<isa>(sum(squares[0]) / static_cast<float>(a.depth));
  if (scale != 0) return scale;
  float most = 0;
  for (int64_t k = 0; k < a.depth; ++k) {
    const float x = __builtin_fabsf(a.from[k / a.run * a.step + k % a.run]);
    most = x <= most ? most : x;
  }
  return scale_of_most<isa>(most);
}

/// The sign of what a pair adds at the place of its first float, 0 elsewhere.
struct PairSigns {
  alignas(64) float of_place[paired_chunk];
  constexpr PairSigns() : of_place() {
    for (int i = 0; i < paired_chunk; i += paired_step) of_place[i] = 1, of_place[i + 3] = -1;
  }
};

template <Isa isa>
void make_row(const PairedRowArgs& args) {
  using Row = PairedRow<isa>;
  using V = typename Row::V;
  constexpr int lanes = V::lanes;
  static constexpr PairSigns signs;
  const PairedRowArgs a = args;
  const float scale = scale_of_row<isa>(a);
  const V factor = V::all(scale), zero = V::all(0.0f);
  Row row(a);
  V pairs[Row::of_chunk];
  for (V& of_place : pairs) of_place = zero;
  float* to = a.to;
  int64_t rest = a.depth;
  for (; rest >= paired_chunk; rest -= paired_chunk, to += a.to_chunk) {
    V x[Row::of_chunk + 1];
    unroll<Row::of_chunk>([&](int j) __attribute__((always_inline)) {
      x[j] = row.next() * factor;
      x[j].store(to + j * lanes);
    });
    x[Row::of_chunk] = zero;  // no pair begins at the end
    unroll<Row::of_chunk>([&](int j) __attribute__((always_inline)) {
      const V sign = V::load(signs.of_place + j * lanes), product = x[j] * shifted(x[j], x[j + 1]);
      // Products that are no pairs may be no numbers.
      pairs[j] = fma(sign, V::select(sign == zero, zero, product), pairs[j]);
    });
  }
  for (int64_t at = 0; at < rest; at += lanes) {
    if (rest - at < lanes) {
      const int count = static_cast<int>(rest - at);
      (row.last(count) * factor).store_first(to + at, count);
    } else {
      (row.next() * factor).store(to + at);
    }
  }
  unroll<Row::of_chunk - 1>([&](int j) __attribute__((always_inline)) { pairs[0] = pairs[0] + pairs[j + 1]; });
  float start = -sum(pairs[0]);
  for (const float* x = to; rest >= paired_step; rest -= paired_step, x += paired_step) {
    start += x[3] * x[4] - x[0] * x[1];
  }
  *a.start = start;
  *a.unscale = 1 / scale;
}

template <Isa isa, int blocks, int... i>
constexpr void fill_paired_tiles(PairedTable& table, std::integer_sequence<int, i...>) {
  ((table.tiles[blocks][i + 1] = paired_tile<isa, i + 1, blocks>), ...);
}

template <Isa isa>
constexpr PairedTable make_paired_table() {
  PairedTable table{};
  table.lanes = Vec<float, isa>::lanes;
  table.make_row = make_row<isa>;
  unroll<PairedLimits<isa>::blocks>([&](auto j) {
    constexpr int blocks = j + 1, rows = PairedLimits<isa>::rows[blocks];
    table.rows[blocks] = rows;
    fill_paired_tiles<isa, blocks>(table, std::make_integer_sequence<int, rows>());
  });
  return table;
}

}  // namespace kiln
