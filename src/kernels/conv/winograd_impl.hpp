#pragma once

#include "kernels/conv/winograd_matrices.hpp"
#include "kernels/conv/winograd_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by winograd_<isa>.cpp only. All transforms are of registers of channels.
namespace kiln {

/// The sum of m[c] x[c] over the columns of one parity (2: all). Zeros cost nothing, ones no multiplication.
template <int size, int row, int parity, class V>
[[gnu::always_inline]] inline V input_dot(const V* x) {
  constexpr int edge = size + 2;
  V sum = V::all(0.0f);
  bool first = true;
  unroll<edge>([&](auto c) __attribute__((always_inline)) {
    constexpr float factor = WinogradMatrices<size>::input[row][c];
    if constexpr (factor != 0 && (parity == 2 || c % 2 == parity)) {
      if (first) {
        sum = factor == 1 ? x[c] : V::all(factor) * x[c];
        first = false;
      } else if constexpr (factor == 1) {
        sum = sum + x[c];
      } else if constexpr (factor == -1) {
        sum = sum - x[c];
      } else {
        sum = fma(V::all(factor), x[c], sum);
      }
    }
  });
  return sum;
}

/// y = Bt x
template <int size, class V>
[[gnu::always_inline]] inline void transform_input_line(const V* x, V* y) {
  constexpr int edge = size + 2;
  y[0] = input_dot<size, 0, 2>(x);
  y[edge - 1] = input_dot<size, edge - 1, 2>(x);
  unroll<size / 2>([&](auto pair) __attribute__((always_inline)) {
    constexpr int row = 1 + 2 * pair;
    const V even = input_dot<size, row, 0>(x), odd = input_dot<size, row, 1>(x);
    y[row] = even + odd;
    y[row + 1] = even - odd;
  });
}

/// y = At x, of `outputs` rows: size for three taps, size + 1 (the next powers of the same points) for two.
template <int size, int outputs, class V>
[[gnu::always_inline]] inline void transform_output_line(const V* x, V* y) {
  constexpr int edge = size + 2, pairs = size / 2;
  V sums[pairs], differences[pairs];
  unroll<pairs>([&](auto pair) __attribute__((always_inline)) {
    sums[pair] = x[1 + 2 * pair] + x[2 + 2 * pair];
    differences[pair] = x[1 + 2 * pair] - x[2 + 2 * pair];
  });
  unroll<outputs>([&](auto row) __attribute__((always_inline)) {
    const V* from = row % 2 != 0 ? differences : sums;
    V sum = from[0];
    unroll<pairs>([&](auto pair) __attribute__((always_inline)) {
      constexpr auto& powers = WinogradMatrices<size>::output;
      constexpr int at = 1 + 2 * pair;
      constexpr float factor = row < size ? powers[row < size ? row : 0][at] : powers[size - 1][at] * powers[1][at];
      if constexpr (pair > 0) sum = fma(V::all(factor), from[pair], sum);
    });
    if constexpr (row == 0) sum = sum + x[0];
    if constexpr (row == outputs - 1) sum = sum + x[edge - 1];
    y[row] = sum;
  });
}

template <Isa isa, int size>
[[gnu::noinline]] void winograd_input(const float* in, int64_t in_row, float* to, int64_t plane) {
  using V = Vec<float, isa>;
  constexpr int edge = size + 2;
  V half[edge][edge];
  for (int column = 0; column < edge; ++column) {
    V x[edge], y[edge];
    unroll<edge>([&](auto i) __attribute__((always_inline)) { x[i] = V::load(in + i * in_row + column * V::lanes); });
    transform_input_line<size>(x, y);
    unroll<edge>([&](auto i) __attribute__((always_inline)) { half[i][column] = y[i]; });
  }
  for (int row = 0; row < edge; ++row) {
    V y[edge];
    transform_input_line<size>(half[row], y);
    unroll<edge>([&](auto i) __attribute__((always_inline)) { y[i].store(to + (row * edge + i) * plane); });
  }
}

template <Isa isa, int size>
[[gnu::noinline]] void winograd_output(const WinogradTable::OutputArgs& a) {
  using V = Vec<float, isa>;
  constexpr int edge = size + 2;
  V half[size][edge];
  for (int column = 0; column < edge; ++column) {
    V x[edge], y[size];
    unroll<edge>([&](auto i)
                     __attribute__((always_inline)) { x[i] = V::load(a.from + (i * edge + column) * a.plane); });
    transform_output_line<size, size>(x, y);
    unroll<size>([&](auto i) __attribute__((always_inline)) { half[i][column] = y[i]; });
  }
  const V bias = V::load(a.bias), low = V::all(a.low), high = V::all(a.high);
  for (int row = 0; row < a.height; ++row) {
    V y[size];
    transform_output_line<size, size>(half[row], y);
    unroll<size>([&](auto i) __attribute__((always_inline)) {
      if (i < a.width) {
        const int64_t at = row * a.out_row + i * V::lanes;
        V sum = y[i] + bias;
        if (a.residual != nullptr) sum = sum + V::load(a.residual + at);
        min(high, max(low, sum)).store(a.out + at);
      }
    });
  }
}

/// For two taps: size + 1 pixels a side, of which what lies outside the output is left out.
template <Isa isa, int size>
[[gnu::noinline]] void winograd_two_tap_output(const WinogradTable::OutputArgs& a) {
  using V = Vec<float, isa>;
  constexpr int edge = size + 2, outputs = size + 1;
  V half[outputs][edge];
  for (int column = 0; column < edge; ++column) {
    V x[edge], y[outputs];
    unroll<edge>([&](auto i)
                     __attribute__((always_inline)) { x[i] = V::load(a.from + (i * edge + column) * a.plane); });
    transform_output_line<size, outputs>(x, y);
    unroll<outputs>([&](auto i) __attribute__((always_inline)) { half[i][column] = y[i]; });
  }
  const V bias = V::load(a.bias), low = V::all(a.low), high = V::all(a.high);
  for (int64_t row = a.top; row < a.height; ++row) {
    V y[outputs];
    transform_output_line<size, outputs>(half[row], y);
    const int64_t line = (row - a.top) * a.out_row;
    unroll<outputs>([&](auto i) __attribute__((always_inline)) {
      if (i >= a.left && i < a.width) {
        const int64_t at = line + (i - a.left) * a.out_pixel;
        V sum = y[i] + bias;
        if (a.residual != nullptr) sum = sum + V::load(a.residual + at);
        min(high, max(low, sum)).store(a.out + at);
      }
    });
  }
}

template <Isa isa>
constexpr WinogradTable make_winograd_table() {
  return {{winograd_input<isa, 2>, winograd_input<isa, 4>, winograd_input<isa, 6>},
          {winograd_output<isa, 2>, winograd_output<isa, 4>, winograd_output<isa, 6>},
          {winograd_two_tap_output<isa, 2>, winograd_two_tap_output<isa, 4>}};
}

}  // namespace kiln
