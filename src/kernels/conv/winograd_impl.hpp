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

/// The steps along one axis: from `edge` input pixels to `edge` planes, and from these to `size` output pixels. At
/// stride 2 the planes of the even pixels come first, then those of the odd ones (see WinogradWeights).
template <int stride, int size>
struct WinogradLine {
  static constexpr int edge = size + 2;
  template <class V>
  [[gnu::always_inline]] static void input(const V* x, V* y) {
    transform_input_line<size>(x, y);
  }
  template <class V>
  [[gnu::always_inline]] static void output(const V* x, V* y) {
    transform_output_line<size, size>(x, y);
  }
};
template <int size>
struct WinogradLine<2, size> {
  static constexpr int edge = 2 * size + 1;
  template <class V>
  [[gnu::always_inline]] static void input(const V* x, V* y) {
    V even[size + 1];
    unroll<size + 1>([&](int i) __attribute__((always_inline)) { even[i] = x[2 * i]; });
    if constexpr (size == 4) {
      const V two = V::all(2), difference = even[3] - even[1];
      y[0] = fma(two, even[0] - even[2], difference);
      y[1] = even[3] - even[2] - two * even[1];
      y[2] = fma(V::all(-3), even[2], fma(two, even[1], even[3]));
      y[3] = difference;
      y[4] = fma(V::all(-2), difference, even[4] - even[2]);
    } else {
      transform_input_line<size - 1>(even, y);
    }
    unroll<size>([&](int i) __attribute__((always_inline)) { y[size + 1 + i] = x[2 * i + 1]; });
  }
  template <class V>
  [[gnu::always_inline]] static void output(const V* x, V* y) {
    if constexpr (size == 4) {
      const V sum = x[1] + x[2], difference = x[1] - x[2];
      y[0] = x[0] + sum + x[3];
      y[1] = fma(V::all(2), x[3], difference);
      y[2] = fma(V::all(4), x[3], sum);
      y[3] = fma(V::all(8), x[3], difference) + x[4];
    } else {
      transform_output_line<size - 1, size>(x, y);
    }
    unroll<size>([&](int i) __attribute__((always_inline)) { y[i] = y[i] + x[size + 1 + i]; });
  }
};

template <Isa isa, int stride, int size>
[[gnu::noinline]] void winograd_input(const float* in, int64_t in_row, float* to, int64_t plane) {
  using V = Vec<float, isa>;
  using Line = WinogradLine<stride, size>;
  constexpr int edge = Line::edge;
  V half[edge][edge];
  for (int column = 0; column < edge; ++column) {
    V x[edge], y[edge];
    unroll<edge>([&](int i) __attribute__((always_inline)) { x[i] = V::load(in + i * in_row + column * V::lanes); });
    Line::input(x, y);
    unroll<edge>([&](int i) __attribute__((always_inline)) { half[i][column] = y[i]; });
  }
  for (int row = 0; row < edge; ++row) {
    V y[edge];
    Line::input(half[row], y);
    unroll<edge>([&](int i) __attribute__((always_inline)) { y[i].store(to + (row * edge + i) * plane); });
  }
}

/// y = G w, from three registers to size + 2.
template <int stride, int size, class V>
[[gnu::always_inline]] inline void transform_weight_line(const V* w, V* y) {
  using Matrix = WinogradWeights<stride, size>;
  unroll<size + 2>([&](auto row) __attribute__((always_inline)) {
    constexpr auto& g = Matrix::g.row;
    constexpr int above = row > 0 ? row - 1 : 0;
    // The second of a pair of points p and -p.
    constexpr bool mirrored =
        row > 0 && g[row][1] != 0 && g[row][0] == g[above][0] && g[row][2] == g[above][2] && g[row][1] == -g[above][1];
    if constexpr (mirrored) {
      y[row] = fma(V::all(static_cast<float>(2 * g[row][1])), w[1], y[above]);
    } else {
      V sum = V::all(0.0f);
      bool first = true;
      unroll<3>([&](auto tap) __attribute__((always_inline)) {
        constexpr auto factor = static_cast<float>(g[row][tap]);
        if constexpr (factor != 0) {
          if (first) {
            sum = factor == 1 ? w[tap] : V::all(factor) * w[tap];
            first = false;
          } else {
            sum = fma(V::all(factor), w[tap], sum);
          }
        }
      });
      y[row] = sum;
    }
  });
}

template <Isa isa, int stride, int size>
[[gnu::noinline]] void winograd_weights(const float* taps, int64_t tap, float* to, int64_t plane) {
  using V = Vec<float, isa>;
  constexpr int edge = size + 2;
  V half[edge][3];
  unroll<3>([&](auto column) __attribute__((always_inline)) {
    V w[3], y[edge];
    unroll<3>([&](int i) __attribute__((always_inline)) { w[i] = V::load(taps + (3 * i + column) * tap); });
    transform_weight_line<stride, size>(w, y);
    unroll<edge>([&](int i) __attribute__((always_inline)) { half[i][column] = y[i]; });
  });
  unroll<edge>([&](auto row) __attribute__((always_inline)) {
    V y[edge];
    transform_weight_line<stride, size>(half[row], y);
    unroll<edge>([&](int i) __attribute__((always_inline)) { y[i].store(to + (row * edge + i) * plane); });
  });
}

template <Isa isa, int stride, int size>
[[gnu::noinline]] void winograd_output(const WinogradTable::OutputArgs& a) {
  using V = Vec<float, isa>;
  using Line = WinogradLine<stride, size>;
  constexpr int edge = Line::edge;
  V half[size][edge];
  for (int column = 0; column < edge; ++column) {
    V x[edge], y[size];
    unroll<edge>([&](int i) __attribute__((always_inline)) { x[i] = V::load(a.from + (i * edge + column) * a.plane); });
    Line::output(x, y);
    unroll<size>([&](int i) __attribute__((always_inline)) { half[i][column] = y[i]; });
  }
  const V bias = V::load(a.bias), low = V::all(a.low), high = V::all(a.high);
  for (int row = 0; row < a.height; ++row) {
    V y[size];
    Line::output(half[row], y);
    unroll<size>([&](int i) __attribute__((always_inline)) {
      if (i < a.width) {
        const int64_t at = row * a.out_row + i * V::lanes;
        V sum = y[i] + bias;
        if (a.residual != nullptr) sum = sum + V::load(a.residual + at);
        min(high, max(low, sum)).store(a.out + at);
      }
    });
  }
}

/// For two taps: the matrix of one pixel less, whose last row (of infinity) moves up by a tap.
template <Isa isa, int size>
[[gnu::noinline]] void winograd_two_tap_weights(const float* taps, int64_t tap, float* to, int64_t plane) {
  using V = Vec<float, isa>;
  constexpr int edge = size + 1;
  const auto line = [](const V* w, V* y) __attribute__((always_inline)) {
    unroll<size>([&](auto row) __attribute__((always_inline)) {
      constexpr auto& g = WinogradMatrices<size - 1>::weights;
      constexpr auto first = static_cast<float>(g[row][0]), second = static_cast<float>(g[row][1]);
      y[row] = V::all(first) * w[0];
      if constexpr (second != 0) y[row] = fma(V::all(second), w[1], y[row]);
    });
    y[size] = w[1];
  };
  V half[edge][2];
  unroll<2>([&](auto column) __attribute__((always_inline)) {
    const V w[2] = {V::load(taps + column * tap), V::load(taps + (2 + column) * tap)};
    V y[edge];
    line(w, y);
    unroll<edge>([&](int i) __attribute__((always_inline)) { half[i][column] = y[i]; });
  });
  unroll<edge>([&](auto row) __attribute__((always_inline)) {
    V y[edge];
    line(half[row], y);
    unroll<edge>([&](int i) __attribute__((always_inline)) { y[i].store(to + (row * edge + i) * plane); });
  });
}

/// For two taps: size + 1 pixels a side, of which what lies outside the output is left out.
template <Isa isa, int size>
[[gnu::noinline]] void winograd_two_tap_output(const WinogradTable::OutputArgs& a) {
  using V = Vec<float, isa>;
  constexpr int edge = size + 2, outputs = size + 1;
  V half[outputs][edge];
  for (int column = 0; column < edge; ++column) {
    V x[edge], y[outputs];
    unroll<edge>([&](int i) __attribute__((always_inline)) { x[i] = V::load(a.from + (i * edge + column) * a.plane); });
    transform_output_line<size, outputs>(x, y);
    unroll<outputs>([&](int i) __attribute__((always_inline)) { half[i][column] = y[i]; });
  }
  const V bias = V::load(a.bias), low = V::all(a.low), high = V::all(a.high);
  for (int64_t row = a.top; row < a.height; ++row) {
    V y[outputs];
    transform_output_line<size, outputs>(half[row], y);
    const int64_t line = (row - a.top) * a.out_row;
    unroll<outputs>([&](int i) __attribute__((always_inline)) {
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
  WinogradTable table{};
  const auto add = [&]<int stride, int size>() {
    table.input[stride - 1][size] = winograd_input<isa, stride, size>;
    table.weights[stride - 1][size] = winograd_weights<isa, stride, size>;
    table.output[stride - 1][size] = winograd_output<isa, stride, size>;
  };
  add.template operator()<1, 2>();
  add.template operator()<1, 4>();
  add.template operator()<1, 6>();
  add.template operator()<2, 3>();
  add.template operator()<2, 4>();
  add.template operator()<2, 5>();
  table.two_tap_weights[3] = winograd_two_tap_weights<isa, 3>;
  table.two_tap_weights[5] = winograd_two_tap_weights<isa, 5>;
  table.two_tap_output[3] = winograd_two_tap_output<isa, 2>;
  table.two_tap_output[5] = winograd_two_tap_output<isa, 4>;
  return table;
}

}  // namespace kiln
