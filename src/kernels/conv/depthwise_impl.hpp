#pragma once

#include "kernels/conv/depthwise_table.hpp"
#include "kernels/simd/activate.hpp"

/// Included by depthwise_<isa>.cpp only.
namespace kiln {

constexpr Activation activation_of(DepthwiseFinish finish) {
  return finish == DepthwiseFinish::hard_swish ? Activation::scaled_hard_swish
         : finish == DepthwiseFinish::silu     ? Activation::silu
                                               : Activation::none;
}

template <DepthwiseFinish finish, int rows, class V>
[[gnu::always_inline]] inline void depthwise_finish(const DepthwiseArgs& a, V (&sums)[rows]) {
  const V low = V::all(a.low), high = V::all(a.high);
  const float alpha = a.alpha, beta = a.beta;
  float* const out = a.out;
  if (a.residual != nullptr) {
    unroll<rows>([&](int i) __attribute__((always_inline)) { sums[i] = sums[i] + V::load(a.residual + i * V::lanes); });
  }
  unroll<rows>([&](int i) __attribute__((always_inline)) {
    if constexpr (finish == DepthwiseFinish::clamp) {
      sums[i] = min(high, max(low, sums[i]));
    } else {
      sums[i] = activate<activation_of(finish)>(sums[i], alpha, beta);
    }
    sums[i].store(out + i * V::lanes);
  });
  if (a.total == nullptr) return;
  // By pairs, so that no sum waits for all before it.
  unroll<rows / 2>([&](int i) __attribute__((always_inline)) { sums[i] = sums[i] + sums[rows - 1 - i]; });
  V total = V::load(a.total);
  unroll<rows - rows / 2>([&](int i) __attribute__((always_inline)) { total = total + sums[i]; });
  total.store(a.total);
}

/// One row of taps of a square kernel.
template <int kernel, int stride, int rows, class V>
[[gnu::always_inline]] inline void depthwise_taps(const float* in, const float* w, V (&sums)[rows]) {
  constexpr int lanes = V::lanes;
  if constexpr (lanes == 16) {
    // Registers enough that each pixel is read once a row. Compilers would rather read it for each tap.
    V weights[kernel];
    unroll<kernel>([&](int tap) __attribute__((always_inline)) {
      weights[tap] = V::load(w + tap * lanes);
      asm("" : "+v"(weights[tap].v));
    });
    unroll<(rows - 1) * stride + kernel>([&](auto column) __attribute__((always_inline)) {
      V x = V::load(in + column * lanes);
      asm("" : "+v"(x.v));
      unroll<kernel>([&](auto tap) __attribute__((always_inline)) {
        constexpr int from = column - tap, pixel = from / stride;
        if constexpr (from >= 0 && from % stride == 0 && pixel < rows) sums[pixel] = fma(x, weights[tap], sums[pixel]);
      });
    });
  } else {
    unroll<kernel>([&](int tap) __attribute__((always_inline)) {
      const V weight = V::load(w + tap * lanes);
      unroll<rows>([&](int i) __attribute__((always_inline)) {
        sums[i] = fma(V::load(in + (i * stride + tap) * lanes), weight, sums[i]);
      });
    });
  }
}

template <Isa isa, DepthwiseFinish finish, int kernel, int stride, int rows>
[[gnu::noinline]] void depthwise_square(const DepthwiseArgs& a) {
  using V = Vec<float, isa>;
  const V bias = V::load(a.bias);
  V sums[rows];
  unroll<rows>([&](int i) __attribute__((always_inline)) { sums[i] = bias; });
  const float* in = a.in;
  const float* w = a.weights;
  for (int y = 0; y < kernel; ++y, in += a.in_row, w += kernel * V::lanes) {
    depthwise_taps<kernel, stride>(in, w, sums);
  }
  depthwise_finish<finish>(a, sums);
}

template <Isa isa, DepthwiseFinish finish, int rows>
[[gnu::noinline]] void depthwise_any(const DepthwiseArgs& a) {
  using V = Vec<float, isa>;
  const V bias = V::load(a.bias);
  V sums[rows];
  unroll<rows>([&](int i) __attribute__((always_inline)) { sums[i] = bias; });
  for (int64_t tap = 0; tap < a.tap_count; ++tap) {
    const V weight = V::load(a.weights + tap * V::lanes);
    const float* in = a.in + a.taps[tap];
    unroll<rows>([&](int i)
                     __attribute__((always_inline)) { sums[i] = fma(V::load(in + i * a.in_step), weight, sums[i]); });
  }
  depthwise_finish<finish>(a, sums);
}

template <Isa isa, DepthwiseFinish finish, int kernel, int... i>
constexpr void fill_square(DepthwiseFunction (&square)[2][DepthwiseTable::most_rows + 1],
                           std::integer_sequence<int, i...>) {
  ((square[0][i + 1] = depthwise_square<isa, finish, kernel, 1, i + 1>), ...);
  ((square[1][i + 1] = depthwise_square<isa, finish, kernel, 2, i + 1>), ...);
}

template <Isa isa, DepthwiseFinish finish, int... i>
constexpr void fill_finish(DepthwiseTable& table, std::integer_sequence<int, i...> rows) {
  auto& square = table.square[static_cast<int>(finish)];
  fill_square<isa, finish, 3>(square[0], rows);
  fill_square<isa, finish, 5>(square[1], rows);
  fill_square<isa, finish, 7>(square[2], rows);
  ((table.any[static_cast<int>(finish)][i + 1] = depthwise_any<isa, finish, i + 1>), ...);
}

template <Isa isa>
constexpr DepthwiseTable make_depthwise_table() {
  constexpr int rows = isa == Isa::portable ? 4 : 8;
  using Rows = std::make_integer_sequence<int, rows>;
  DepthwiseTable table{};
  table.rows = rows;
  fill_finish<isa, DepthwiseFinish::clamp>(table, Rows());
  fill_finish<isa, DepthwiseFinish::hard_swish>(table, Rows());
  fill_finish<isa, DepthwiseFinish::silu>(table, Rows());
  return table;
}

}  // namespace kiln
