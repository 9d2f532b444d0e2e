#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln::vision {

/// Places on a line in a picture.
struct LinePlaces {
  double x, y, step_x, step_y;
};

/// Bilinear resampling in fixed point, as OpenCV does it: a line is mixed across with weights of 11 bits and kept as
/// 16-bit numbers, the planes of the three colours one after the other; two such lines then make a line of the result.
struct PixelTable {
  /// Pixel i mixes the pixels at byte offsets[i] and the one to its right with weights[i]: the left one's in the lower
  /// half. The first `safe` offsets may read eight bytes, and the others' right neighbour exists only if it has weight.
  void (*across)(const uint8_t* line, const int32_t* offsets, const uint32_t* weights, int64_t count, int64_t safe,
                 int16_t* out, int64_t plane);
  /// out = level * scale + bias for one plane, where level is the mix as a whole number.
  void (*down_to_floats)(const int16_t* upper, const int16_t* lower, int32_t upper_weight, int32_t lower_weight,
                         int64_t count, float scale, float bias, float* out);
  /// All three planes, as pixels again.
  void (*down_to_pixels)(const int16_t* upper, const int16_t* lower, int32_t upper_weight, int32_t lower_weight,
                         int64_t count, int64_t plane, uint8_t* out);
  /// Pixels taken bilinearly at from, from + step, ... of a picture whose rows are `stride` bytes apart: `count`, a
  /// multiple of eight, of places that all lie from 0 to width - 2 and height - 1, both more than 2. May write two
  /// bytes more. Null where there is no fast way.
  void (*along_line)(const uint8_t* pixels, int64_t width, int64_t height, int64_t stride, LinePlaces places,
                     int64_t count, uint8_t* out);
  /// Pixels taken bicubically at places in steps of 1/32: place i has its sixteen neighbours from the one above and to
  /// the left of (columns[i] / 32, rows[i] / 32) on, all of which lie in the picture, as do four more bytes in each
  /// row.
  void (*cubic)(const uint8_t* pixels, int64_t stride, const int32_t* columns, const int32_t* rows, int64_t count,
                uint8_t* out);
};
const PixelTable& pixel_table(Isa isa);

/// Sixteen weights, of 2^14 together, for each place between pixels: those of place (x, y) of 32 by 32 begin at
/// 16 * (32 * y + x). Aligned to 32 bytes.
const int16_t* cubic_weights();
inline constexpr int cubic_bits = 14, cubic_steps = 32;

}  // namespace kiln::vision
