#pragma once

#include "kernels/limits/limits_table.hpp"
#include "kernels/simd/vec.hpp"

namespace kiln {

/// With two numbers beside them, these fill the sixteen registers of AVX2 but for two.
inline constexpr int limit_chains = 12, limit_steps = 8;

template <Isa isa>
[[gnu::noinline]] float multiply_adds(const float* xs, int64_t rounds) {
  using V = Vec<float, isa>;
  const V x = V::all(xs[0]), y = V::all(xs[1]);
  V sums[limit_chains];
  unroll<limit_chains>([&](int i) __attribute__((always_inline)) { sums[i] = V::all(xs[0] + static_cast<float>(i)); });
  for (int64_t round = 0; round < rounds; ++round) {
    unroll<limit_steps>([&](auto) __attribute__((always_inline)) {
      unroll<limit_chains>([&](int i) __attribute__((always_inline)) { sums[i] = fma(sums[i], x, y); });
    });
  }
  float all = 0;
  unroll<limit_chains>([&](int i) __attribute__((always_inline)) { all += sum(sums[i]); });
  return all;
}

template <Isa isa>
[[gnu::noinline]] float read_all(const float* from, int64_t n) {
  using V = Vec<float, isa>;
  constexpr int chains = 8;
  V sums[chains];
  unroll<chains>([&](int i) __attribute__((always_inline)) { sums[i] = V::all(0.0f); });
  for (int64_t k = 0; k < n; k += chains * V::lanes) {
    unroll<chains>([&](int i) __attribute__((always_inline)) { sums[i] = sums[i] + V::load(from + k + i * V::lanes); });
  }
  float all = 0;
  unroll<chains>([&](int i) __attribute__((always_inline)) { all += sum(sums[i]); });
  return all;
}

template <Isa isa>
constexpr LimitsTable make_limits_table() {
  return {int64_t{2} * limit_chains * limit_steps * Vec<float, isa>::lanes, multiply_adds<isa>, read_all<isa>};
}

}  // namespace kiln
