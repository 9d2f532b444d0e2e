#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#include "vision/pixels/pixel_table.hpp"

/// The plain way to do what PixelTable asks, from pixel `begin` on: all of it, or what is left at the end of a line.
namespace kiln::vision {

namespace {

inline void widen_plain(const uint8_t* row, int64_t bytes, int16_t* out) {
  for (int64_t i = 0; i < bytes; ++i) out[i] = row[i];
}

inline void widen_at_plain(const uint8_t* row, const int32_t* offsets, int64_t begin, int64_t count, int64_t safe,
                           int16_t* out) {
  for (int64_t i = begin; i < count; ++i) {
    // The last pixel's right neighbour has no weight.
    const int64_t numbers = i < safe ? 6 : 3;
    for (int64_t k = 0; k < numbers; ++k) out[8 * i + k] = row[offsets[i] + k];
    for (int64_t k = numbers; k < 8; ++k) out[8 * i + k] = 0;
  }
}

inline void mix_plain(const SourceRow& row, const Columns& columns, int16_t*, uint16_t* out) {
  for (int64_t x = 0; x < columns.count; ++x) {
    const int64_t left_weight = columns.weights[x] & 0xffff, right_weight = columns.weights[x] >> 16;
    const uint8_t* const left = row.pixels + columns.offsets[x];
    // At the right border there is no other neighbour.
    const uint8_t* const right = right_weight == 0 ? left : left + 3;
    for (int64_t c = 0; c < 3; ++c) {
      *out++ = static_cast<uint16_t>((left[c] * left_weight + right[c] * right_weight) >> 4);
    }
  }
}

inline int32_t mixed_level(const MixedRows& rows, int64_t i) {
  return ((rows.upper[i] * rows.upper_weight >> 16) + (rows.lower[i] * rows.lower_weight >> 16) + 2) >> 2;
}

inline void mixed_to_floats_plain(const MixedRows& rows, int64_t count, const Planes& planes) {
  for (int64_t x = 0; x < count; ++x) {
    for (int64_t c = 0; c < 3; ++c) {
      planes.out[c][x] = static_cast<float>(mixed_level(rows, 3 * x + c)) * planes.scale[c] + planes.bias[c];
    }
  }
}

inline void mixed_to_pixels_plain(const MixedRows& rows, int64_t count, uint8_t* out) {
  for (int64_t i = 0; i < 3 * count; ++i) out[i] = static_cast<uint8_t>(mixed_level(rows, i));
}

inline void halve_plain(const uint8_t* upper, const uint8_t* lower, int64_t count, uint8_t* out) {
  for (int64_t x = 0; x < count; ++x) {
    for (int64_t at = 6 * x; at < 6 * x + 3; ++at) {
      *out++ = static_cast<uint8_t>((upper[at] + upper[at + 3] + lower[at] + lower[at + 3] + 2) >> 2);
    }
  }
}

inline void pixels_to_floats_plain(const uint8_t* pixels, int64_t count, const Planes& planes) {
  for (int64_t x = 0; x < count; ++x) {
    for (int64_t c = 0; c < 3; ++c) {
      planes.out[c][x] = static_cast<float>(pixels[3 * x + c]) * planes.scale[c] + planes.bias[c];
    }
  }
}

inline void fill_plain(float value, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = value;
}

/// A pixel of which level_at(row, column, colour) gives the sixteen neighbours' levels.
template <class LevelAt>
inline void cubic_pixel(int32_t column, int32_t row, const int16_t* weights, const LevelAt& level_at, uint8_t* out) {
  const int16_t* const across = weights + 4 * (column & (cubic_steps - 1));
  const int16_t* const down = weights + 4 * (row & (cubic_steps - 1));
  constexpr int bits = 2 * cubic_bits - cubic_cut;
  for (int64_t c = 0; c < 3; ++c) {
    int32_t sum = 1 << (bits - 1);
    for (int64_t k = 0; k < 4; ++k) {
      const int32_t left = across[0] * level_at(k, 0, c) + across[1] * level_at(k, 1, c);
      const int32_t right = across[2] * level_at(k, 2, c) + across[3] * level_at(k, 3, c);
      sum += down[k] * ((left >> cubic_cut) + (right >> cubic_cut));
    }
    sum >>= bits;
    out[c] = static_cast<uint8_t>(sum < 0 ? 0 : sum > 255 ? 255 : sum);
  }
}

inline void cubic_plain(const uint8_t* pixels, int64_t stride, const int32_t* columns, const int32_t* rows,
                        int64_t count, uint8_t* out) {
  const int16_t* const weights = cubic_weights();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t top = (rows[i] >> cubic_step_bits) - 1, left = (columns[i] >> cubic_step_bits) - 1;
    const uint8_t* const from = pixels + top * stride + 3 * left;
    cubic_pixel(
        columns[i], rows[i], weights,
        [&](int64_t row, int64_t column, int64_t colour) { return from[row * stride + 3 * column + colour]; },
        out + 3 * i);
  }
}

/// The farthest place in steps that a 32-bit integer can say, and what leaves the nearest integer in the last bits of a
/// double that is small enough when it is added.
inline constexpr double farthest_step = 2147480000.0, step_rounder = 6755399441055744.0;

inline int32_t to_steps(double place) {
  place = place * cubic_steps;
  // In this order what is no number is far outside too.
  place = place > -farthest_step ? place : -farthest_step;
  place = place < farthest_step ? place : farthest_step;
  place = place + step_rounder;
  int64_t bits = 0;
  std::memcpy(&bits, &place, sizeof bits);
  return static_cast<int32_t>(static_cast<uint32_t>(bits));
}

inline void take_in(PlaceRange& range, int32_t column, int32_t row) {
  range.first_column = column < range.first_column ? column : range.first_column;
  range.last_column = column > range.last_column ? column : range.last_column;
  range.first_row = row < range.first_row ? row : range.first_row;
  range.last_row = row > range.last_row ? row : range.last_row;
}

inline PlaceRange no_places() {
  constexpr int32_t least = std::numeric_limits<int32_t>::min(), most = std::numeric_limits<int32_t>::max();
  return {most, least, most, least};
}

inline void find_places_plain(const ProjectedRow& row, int64_t begin, int64_t count, int32_t* columns, int32_t* rows,
                              PlaceRange& range) {
  for (int64_t i = begin; i < count; ++i) {
    const auto at = static_cast<double>(static_cast<int32_t>(i));
    const double depth = row.ddepth * at + row.depth;
    const double scale = depth == 0 ? 0 : 1 / depth;
    columns[i] = to_steps((row.dx * at + row.x) * scale);
    rows[i] = to_steps((row.dy * at + row.y) * scale);
    take_in(range, columns[i], rows[i]);
  }
}

}  // namespace

}  // namespace kiln::vision
