#pragma once

#include "kernels/conv/narrow_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by narrow_<isa>.cpp only.
namespace kiln {

/// The most pixels that leave registers for the weights and an input.
template <Isa isa>
constexpr int narrow_pixels(int outputs) {
  const int sums = (isa == Isa::avx512 ? 31 : 15) - outputs;
  return sums / outputs < NarrowTable::most_pixels ? sums / outputs : NarrowTable::most_pixels;
}

template <Isa isa, int outputs, int pixels>
void narrow_run(const NarrowArgs& a) {
  using V = Vec<float, isa>;
  V sums[outputs][pixels];
  unroll<outputs>([&](int o) __attribute__((always_inline)) {
    unroll<pixels>([&](int i) __attribute__((always_inline)) { sums[o][i] = V::all(0); });
  });
  const float* w = a.weights;
  for (int64_t g = 0; g < a.groups; ++g, w += outputs * V::lanes) {
    const float* const in = a.in + a.offsets[g];
    V weights[outputs];
    unroll<outputs>([&](int o) __attribute__((always_inline)) { weights[o] = V::load(w + o * V::lanes); });
    unroll<pixels>([&](int i) __attribute__((always_inline)) {
      const V x = V::load(in + i * a.in_step);
      unroll<outputs>([&](int o) __attribute__((always_inline)) { sums[o][i] = fma(x, weights[o], sums[o][i]); });
    });
  }
  unroll<outputs>([&](int o) __attribute__((always_inline)) {
    unroll<pixels>([&](int i) __attribute__((always_inline)) { a.out[o * a.out_row + i] = sum(sums[o][i]); });
  });
}

template <Isa isa, int outputs, int... i>
constexpr void fill_narrow(NarrowTable& table, std::integer_sequence<int, i...>) {
  ((table.runs[outputs][i + 1] = narrow_run<isa, outputs, i + 1>), ...);
}

template <Isa isa>
constexpr NarrowTable make_narrow_table() {
  NarrowTable table{};
  table.lanes = Vec<float, isa>::lanes;
  unroll<NarrowTable::most_outputs>([&](auto o) {
    constexpr int outputs = o + 1, pixels = narrow_pixels<isa>(outputs);
    table.pixels[outputs] = pixels;
    fill_narrow<isa, outputs>(table, std::make_integer_sequence<int, pixels>());
  });
  return table;
}

}  // namespace kiln
