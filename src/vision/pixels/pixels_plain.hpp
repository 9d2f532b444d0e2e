#pragma once

#include <cstdint>

#include "vision/pixels/pixel_table.hpp"

/// The plain way to do what PixelTable asks, from pixel `begin` on: all of it, or what is left at the end of a line.
namespace kiln::vision {

namespace {

inline void across_plain(const uint8_t* line, const int32_t* offsets, const uint32_t* weights, int64_t begin,
                         int64_t count, int16_t* out, int64_t plane) {
  for (int64_t x = begin; x < count; ++x) {
    const uint8_t* left = line + offsets[x];
    const auto left_weight = static_cast<int32_t>(weights[x] & 0xffff);
    const auto right_weight = static_cast<int32_t>(weights[x] >> 16);
    for (int64_t c = 0; c < 3; ++c) {
      const int32_t right = right_weight == 0 ? 0 : left[c + 3];
      out[c * plane + x] = static_cast<int16_t>((left[c] * left_weight + right * right_weight) >> 4);
    }
  }
}

inline int32_t level(int32_t upper, int32_t lower, int32_t upper_weight, int32_t lower_weight) {
  return ((upper * upper_weight >> 16) + (lower * lower_weight >> 16) + 2) >> 2;
}

inline void floats_plain(const int16_t* upper, const int16_t* lower, int32_t upper_weight, int32_t lower_weight,
                         int64_t begin, int64_t count, float scale, float bias, float* out) {
  for (int64_t x = begin; x < count; ++x) {
    out[x] = static_cast<float>(level(upper[x], lower[x], upper_weight, lower_weight)) * scale + bias;
  }
}

inline void pixels_plain(const int16_t* upper, const int16_t* lower, int32_t upper_weight, int32_t lower_weight,
                         int64_t begin, int64_t count, int64_t plane, uint8_t* out) {
  for (int64_t x = begin; x < count; ++x) {
    for (int64_t c = 0; c < 3; ++c) {
      const int64_t at = c * plane + x;
      out[3 * x + c] = static_cast<uint8_t>(level(upper[at], lower[at], upper_weight, lower_weight));
    }
  }
}

/// A sum of levels with cubic weights as a level.
inline uint8_t cubic_level(int32_t sum) {
  const int32_t value = (sum + (1 << (cubic_bits - 1))) >> cubic_bits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

inline const int16_t* cubic_weights_of(int32_t column, int32_t row, const int16_t* all) {
  return all + 16 * (cubic_steps * (row & (cubic_steps - 1)) + (column & (cubic_steps - 1)));
}

inline void cubic_plain(const uint8_t* pixels, int64_t stride, const int32_t* columns, const int32_t* rows,
                        int64_t begin, int64_t count, const int16_t* all, uint8_t* out) {
  for (int64_t i = begin; i < count; ++i) {
    const uint8_t* from = pixels + (rows[i] / cubic_steps - 1) * stride + 3 * int64_t{columns[i] / cubic_steps - 1};
    const int16_t* const weights = cubic_weights_of(columns[i], rows[i], all);
    for (int64_t c = 0; c < 3; ++c) {
      int32_t sum = 0;
      for (int64_t tap = 0; tap < 16; ++tap) sum += weights[tap] * from[(tap / 4) * stride + 3 * (tap % 4) + c];
      out[3 * i + c] = cubic_level(sum);
    }
  }
}

}  // namespace

}  // namespace kiln::vision
