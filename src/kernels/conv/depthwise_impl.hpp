#pragma once

#include "kernels/conv/depthwise_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by depthwise_<isa>.cpp only.
namespace kiln {

template <int rows, class V>
[[gnu::always_inline]] inline void depthwise_finish(const DepthwiseArgs& a, V (&sums)[rows]) {
  const V low = V::all(a.low), high = V::all(a.high);
  if (a.residual != nullptr) {
    unroll<rows>([&](auto i)
                     __attribute__((always_inline)) { sums[i] = sums[i] + V::load(a.residual + i * V::lanes); });
  }
  unroll<rows>([&](auto i)
                   __attribute__((always_inline)) { min(high, max(low, sums[i])).store(a.out + i * V::lanes); });
}

/// A square kernel: a row of taps at a time; with a stride of 1 and registers enough, each pixel is read once a row.
template <Isa isa, int kernel, int stride, int rows>
[[gnu::noinline]] void depthwise_square(const DepthwiseArgs& a) {
  using V = Vec<float, isa>;
  constexpr int lanes = V::lanes;
  const V bias = V::load(a.bias);
  V sums[rows];
  unroll<rows>([&](auto i) __attribute__((always_inline)) { sums[i] = bias; });
  const float* in = a.in;
  const float* w = a.weights;
  for (int y = 0; y < kernel; ++y, in += a.in_row, w += kernel * lanes) {
    if constexpr (stride == 1 && isa == Isa::avx512) {
      V x[rows + kernel - 1];
      unroll<rows + kernel - 1>([&](auto i) __attribute__((always_inline)) { x[i] = V::load(in + i * lanes); });
      unroll<kernel>([&](auto tap) __attribute__((always_inline)) {
        const V weight = V::load(w + tap * lanes);
        unroll<rows>([&](auto i) __attribute__((always_inline)) { sums[i] = fma(x[i + tap], weight, sums[i]); });
      });
    } else {
      unroll<kernel>([&](auto tap) __attribute__((always_inline)) {
        const V weight = V::load(w + tap * lanes);
        unroll<rows>([&](auto i) __attribute__((always_inline)) {
          sums[i] = fma(V::load(in + (i * stride + tap) * lanes), weight, sums[i]);
        });
      });
    }
  }
  depthwise_finish(a, sums);
}

template <Isa isa, int rows>
[[gnu::noinline]] void depthwise_any(const DepthwiseArgs& a) {
  using V = Vec<float, isa>;
  const V bias = V::load(a.bias);
  V sums[rows];
  unroll<rows>([&](auto i) __attribute__((always_inline)) { sums[i] = bias; });
  for (int64_t tap = 0; tap < a.tap_count; ++tap) {
    const V weight = V::load(a.weights + tap * V::lanes);
    const float* in = a.in + a.taps[tap];
    unroll<rows>([&](auto i)
                     __attribute__((always_inline)) { sums[i] = fma(V::load(in + i * a.in_step), weight, sums[i]); });
  }
  depthwise_finish(a, sums);
}

template <Isa isa, int kernel, int... i>
constexpr void fill_square(DepthwiseTable& table, std::integer_sequence<int, i...>) {
  ((table.square[(kernel - 3) / 2][0][i + 1] = depthwise_square<isa, kernel, 1, i + 1>), ...);
  ((table.square[(kernel - 3) / 2][1][i + 1] = depthwise_square<isa, kernel, 2, i + 1>), ...);
}

template <Isa isa, int... i>
constexpr void fill_any(DepthwiseTable& table, std::integer_sequence<int, i...>) {
  ((table.any[i + 1] = depthwise_any<isa, i + 1>), ...);
}

template <Isa isa>
constexpr DepthwiseTable make_depthwise_table() {
  constexpr int rows = isa == Isa::avx512 ? 14 : isa == Isa::avx2 ? 8 : 4;
  using Rows = std::make_integer_sequence<int, rows>;
  DepthwiseTable table{};
  table.rows = rows;
  fill_square<isa, 3>(table, Rows());
  fill_square<isa, 5>(table, Rows());
  fill_square<isa, 7>(table, Rows());
  fill_any<isa>(table, Rows());
  return table;
}

}  // namespace kiln
