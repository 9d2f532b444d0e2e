#pragma once

#include "kernels/resize/resize_table.hpp"
#include "kernels/simd/vec.hpp"

/// Included by resize_<isa>.cpp only.
namespace kiln {

template <Isa isa>
[[gnu::noinline]] void resize_pick(const float* in, const int32_t* taps, int64_t pixels, float* out) {
  using V = Vec<float, isa>;
  for (int64_t x = 0; x < pixels; ++x) V::load(in + taps[x]).store(out + x * V::lanes);
}

template <Isa isa>
[[gnu::noinline]] void resize_twice(const float* in, int64_t pixels_in, float* out) {
  using V = Vec<float, isa>;
  for (int64_t x = 0; x < pixels_in; ++x) {
    const V pixel = V::load(in + x * V::lanes);
    pixel.store(out + 2 * x * V::lanes);
    pixel.store(out + (2 * x + 1) * V::lanes);
  }
}

template <Isa isa>
[[gnu::noinline]] void resize_mix_rows(const float* const* rows, const float* weights, int64_t taps, int64_t count,
                                       float* out) {
  using V = Vec<float, isa>;
  if (taps == 2) {
    const V first = V::all(weights[0]), second = V::all(weights[1]);
    const float *upper = rows[0], *lower = rows[1];
    for (int64_t i = 0; i < count; i += V::lanes) {
      fma(V::load(lower + i), second, V::load(upper + i) * first).store(out + i);
    }
    return;
  }
  for (int64_t i = 0; i < count; i += V::lanes) {
    V sum = V::load(rows[0] + i) * V::all(weights[0]);
    for (int64_t tap = 1; tap < taps; ++tap) sum = fma(V::load(rows[tap] + i), V::all(weights[tap]), sum);
    sum.store(out + i);
  }
}

template <Isa isa>
[[gnu::noinline]] void resize_mix_pixels(const float* in, const int32_t* offsets, const float* weights, int64_t taps,
                                         int64_t pixels, float* out) {
  using V = Vec<float, isa>;
  if (taps == 2) {
    for (int64_t x = 0; x < pixels; ++x) {
      const V left = V::load(in + offsets[2 * x]) * V::all(weights[2 * x]);
      fma(V::load(in + offsets[2 * x + 1]), V::all(weights[2 * x + 1]), left).store(out + x * V::lanes);
    }
    return;
  }
  for (int64_t x = 0; x < pixels; ++x, offsets += taps, weights += taps) {
    V sum = V::load(in + offsets[0]) * V::all(weights[0]);
    for (int64_t tap = 1; tap < taps; ++tap) sum = fma(V::load(in + offsets[tap]), V::all(weights[tap]), sum);
    sum.store(out + x * V::lanes);
  }
}

template <Isa isa>
constexpr ResizeTable make_resize_table() {
  return {resize_pick<isa>, resize_twice<isa>, resize_mix_rows<isa>, resize_mix_pixels<isa>};
}

}  // namespace kiln
