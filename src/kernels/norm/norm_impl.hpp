#pragma once

#include "kernels/norm/softmax_impl.hpp"

/// Included by norm_<isa>.cpp only.
namespace kiln {

/// The sum of f(in[i]), f(neutral) being 0. Parts of a few thousand numbers are summed in registers, and the parts in
/// f64.
template <class V, class F>
[[gnu::always_inline]] inline double row_sum(const float* in, int64_t n, V neutral, F&& f) {
  constexpr int chains = 4, lanes = V::lanes;
  constexpr int64_t part = int64_t{64} * chains * lanes;
  double total = 0;
  for (int64_t k = 0; k < n;) {
    const int64_t end = n - k < part ? n : k + part;
    V sums[chains];
    unroll<chains>([&](int i) __attribute__((always_inline)) { sums[i] = V::all(0.0f); });
    for (; k + chains * lanes <= end; k += chains * lanes) {
      unroll<chains>([&](int i) __attribute__((always_inline)) { sums[i] = sums[i] + f(V::load(in + k + i * lanes)); });
    }
    for (; k + lanes <= end; k += lanes) sums[0] = sums[0] + f(V::load(in + k));
    if (k < end) {
      sums[1] = sums[1] + f(V::load_first(in + k, static_cast<int>(end - k), neutral));
      k = end;
    }
    total += static_cast<double>(sum((sums[0] + sums[1]) + (sums[2] + sums[3])));
  }
  return total;
}

template <class V>
[[gnu::always_inline]] inline double sum_of_squares(const float* in, int64_t n, float mean) {
  const V middle = V::all(mean);
  return row_sum(
      in, n, middle, [&](V x) __attribute__((always_inline)) {
        const V deviation = x - middle;
        return deviation * deviation;
      });
}

template <class V>
[[gnu::always_inline]] inline double sum_of_row(const float* in, int64_t n) {
  return row_sum(
      in, n, V::all(0.0f), [](V x) __attribute__((always_inline)) { return x; });
}

/// LayerNormalization, or RMSNormalization when not `centred`.
template <Isa isa, bool centred>
[[gnu::noinline]] void layer_norm(const LayerNormArgs& a) {
  using V = Vec<float, isa>;
  const double count = static_cast<double>(a.n);
  for (int64_t row = 0; row < a.rows; ++row) {
    const float* x = a.x + row * a.n;
    float* const out = a.out + row * a.n;
    if (a.residual != nullptr) {
      const float* residual = a.residual + row * a.n;
      float* const sum = a.sum != nullptr ? a.sum + row * a.n : out;
      map_row<V>(
          x, sum, a.n, [&](V value, int64_t k) __attribute__((always_inline)) {
            return value + (k + V::lanes <= a.n ? V::load(residual + k)
                                                : V::load_first(residual + k, static_cast<int>(a.n - k)));
          });
      x = sum;
    }
    const float mean = centred ? static_cast<float>(sum_of_row<V>(x, a.n) / count) : 0.0f;
    const float variance = static_cast<float>(sum_of_squares<V>(x, a.n, mean) / count);
    const V middle = V::all(mean), factor = V::all(1 / __builtin_sqrtf(variance + a.epsilon));
    const auto parameter = [&](const float* p, int64_t k) __attribute__((always_inline)) {
      return k + V::lanes <= a.n ? V::load(p + k) : V::load_first(p + k, static_cast<int>(a.n - k));
    };
    if (a.scale != nullptr && a.bias != nullptr) {
      map_row<V>(
          x, out, a.n, [&](V value, int64_t k) __attribute__((always_inline)) {
            return fma((value - middle) * factor, parameter(a.scale, k), parameter(a.bias, k));
          });
    } else {
      map_row<V>(
          x, out, a.n, [&](V value, int64_t k) __attribute__((always_inline)) {
            V y = (value - middle) * factor;
            if (a.scale != nullptr) y = y * parameter(a.scale, k);
            return a.bias != nullptr ? y + parameter(a.bias, k) : y;
          });
    }
  }
}

/// The sum of f(pixel) of some rows; the rows' own sums are added up, which rounds less than one long sum.
template <class V, class F>
[[gnu::always_inline]] inline V block_sum(const float* from, int64_t rows, int64_t columns, int64_t row, F&& f) {
  constexpr int chains = 4, lanes = V::lanes;
  V total = V::all(0.0f);
  for (int64_t y = 0; y < rows; ++y) {
    const float* in = from + y * row;
    V sums[chains];
    unroll<chains>([&](int i) __attribute__((always_inline)) { sums[i] = V::all(0.0f); });
    int64_t x = 0;
    for (; x + chains <= columns; x += chains) {
      unroll<chains>([&](int i)
                         __attribute__((always_inline)) { sums[i] = sums[i] + f(V::load(in + (x + i) * lanes)); });
    }
    for (; x < columns; ++x) sums[0] = sums[0] + f(V::load(in + x * lanes));
    total = total + ((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  return total;
}

/// Some rows or a piece of a long one at a time, which stay in L1 between their mean and their squares; those about the
/// common mean follow from how far the means differ.
template <Isa isa>
[[gnu::noinline]] void block_deviations(const BlockNormArgs& a, float* statistics) {
  using V = Vec<float, isa>;
  constexpr int64_t fewest = 64, most = 256;
  const int64_t high = a.columns < fewest ? fewest / a.columns : 1, pieces = (a.columns + most - 1) / most;
  V mean = V::all(0.0f), squares = V::all(0.0f);
  int64_t count = 0;
  for (int64_t y = 0; y < a.rows; y += high) {
    const int64_t rows = a.rows - y < high ? a.rows - y : high;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t x = a.columns * piece / pieces, columns = a.columns * (piece + 1) / pieces - x;
      const int64_t fresh = rows * columns, all = count + fresh;
      const float* const in = a.in + y * a.in_row + x * V::lanes;
      const V of_these =
          block_sum<V>(
              in, rows, columns, a.in_row, [](V value) __attribute__((always_inline)) { return value; }) /
          V::all(static_cast<float>(fresh));
      const V about_these = block_sum<V>(
          in, rows, columns, a.in_row, [&](V value) __attribute__((always_inline)) {
            const V deviation = value - of_these;
            return deviation * deviation;
          });
      const V step = of_these - mean;
      const double share = static_cast<double>(fresh) / static_cast<double>(all);
      mean = fma(step, V::all(static_cast<float>(share)), mean);
      squares = squares + fma(step * step, V::all(static_cast<float>(share * static_cast<double>(count))), about_these);
      count = all;
    }
  }
  mean.store(statistics);
  squares.store(statistics + V::lanes);
}

template <Isa isa>
[[gnu::noinline]] void block_affine(const BlockNormArgs& a) {
  using V = Vec<float, isa>;
  const V mean = V::load(a.mean), factor = V::load(a.factor), shift = V::load(a.shift);
  for (int64_t y = 0; y < a.rows; ++y) {
    map_row<V>(
        a.in + y * a.in_row, a.out + y * a.out_row,
        a.columns * V::lanes, [&](V x, int64_t) __attribute__((always_inline)) {
          return fma(x - mean, factor, shift);
        });
  }
}

/// The squares of a few pixels' three blocks lie side by side, and are read again with an offset for each neighbour.
template <Isa isa>
[[gnu::noinline]] void local_response(const LocalResponseArgs& a) {
  using V = Vec<float, isa>;
  constexpr int64_t lanes = V::lanes, group = 8;
  const V alpha = V::all(a.alpha), bias = V::all(a.bias);
  float squares[group][3 * lanes];
  for (int64_t x = 0; x < a.pixels; x += group) {
    const int64_t count = a.pixels - x < group ? a.pixels - x : group;
    for (int64_t i = 0; i < count; ++i) {
      const auto square = [&](const float* block, float* to) __attribute__((always_inline)) {
        const V value = block == nullptr ? V::all(0.0f) : V::load(block + (x + i) * lanes);
        (value * value).store(to);
      };
      square(a.before, squares[i]);
      square(a.in, squares[i] + lanes);
      square(a.after, squares[i] + 2 * lanes);
    }
    for (int64_t i = 0; i < count; ++i) {
      V sum = V::all(0.0f);
      for (int64_t k = -a.reach_before; k <= a.reach_after; ++k) sum = sum + V::load(squares[i] + lanes + k);
      const V base = fma(alpha, sum, bias), root = sqrt(base);
      const V divisor = a.quarters == 4 ? base : a.quarters == 2 ? root : root * sqrt(root);
      (V::load(a.in + (x + i) * lanes) / divisor).store(a.out + (x + i) * lanes);
    }
  }
}

/// In the same way, a few thousand numbers at a time.
template <Isa isa>
[[gnu::noinline]] Deviations deviations(const float* in, int64_t n) {
  using V = Vec<float, isa>;
  constexpr int64_t group = 4096;
  double mean = 0, squares = 0;
  for (int64_t k = 0; k < n; k += group) {
    const int64_t fresh = n - k < group ? n - k : group;
    const double of_these = sum_of_row<V>(in + k, fresh) / static_cast<double>(fresh);
    const double about_these = sum_of_squares<V>(in + k, fresh, static_cast<float>(of_these));
    const double step = of_these - mean, share = static_cast<double>(fresh) / static_cast<double>(k + fresh);
    mean += step * share;
    squares += about_these + step * step * share * static_cast<double>(k);
  }
  return {mean, squares};
}

template <Isa isa>
[[gnu::noinline]] void affine(const float* in, float* out, int64_t n, float mean, float factor, float shift) {
  using V = Vec<float, isa>;
  const V middle = V::all(mean), scale = V::all(factor), offset = V::all(shift);
  map_row<V>(
      in, out, n, [&](V x, int64_t) __attribute__((always_inline)) { return fma(x - middle, scale, offset); });
}

template <Isa isa>
constexpr NormTable make_norm_table() {
  return {Vec<float, isa>::lanes,
          {softmax_rows<isa, false>, softmax_rows<isa, true>},
          {softmax_columns<isa, false>, softmax_columns<isa, true>},
          layer_norm<isa, true>,
          layer_norm<isa, false>,
          block_deviations<isa>,
          block_affine<isa>,
          local_response<isa>,
          deviations<isa>,
          affine<isa>};
}

}  // namespace kiln
