#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln::vision {

/// Weights along a row, and down, are of 2^11, as OpenCV has them.
inline constexpr int weight_bits = 11;

/// A row of a picture, and the one of the same picture that is read after it.
struct SourceRow {
  const uint8_t* pixels;
  int64_t bytes;
  const uint8_t* next;
};

/// What each pixel of a resized row is made of: two neighbours in a row of the picture.
struct Columns {
  int64_t count;            ///< a multiple of mixed_block: the last pixel is there more than once
  const int32_t* offsets;   ///< the byte where the left one begins
  const uint32_t* weights;  ///< the left one's in the lower half
  bool sparse;              ///< most of a row's pixels count for nothing
  int64_t safe;             ///< of so many pixels eight bytes may be read; the others' right neighbour need not exist
  /// Where sixteen neighbouring pixels lie close together: group g has all it needs in `registers` (two or four) times
  /// 64 bytes from bases[g] on, and bytes 64 * g and on of `picks` say where: the left neighbour's first byte, none,
  /// the right one's, none. No registers: not close enough.
  int registers;
  const int32_t* bases;
  const uint8_t* picks;
};
inline constexpr int64_t group_pixels = 16, mixed_block = 32;

/// Two rows of a picture whose neighbours were mixed, in the order that mix() leaves, and what they weigh.
struct MixedRows {
  const uint16_t *upper, *lower;
  int32_t upper_weight, lower_weight;
};

/// Where the colours of a row of pixels go, in the pixels' order, and how levels become values: level * scale + bias.
struct Planes {
  float* out[3];
  float scale[3], bias[3];
};

/// Places on a line in a picture, in units of 2^-32 pixels.
struct LinePlaces {
  int64_t x, y, step_x, step_y;
};

/// Where a row of the result lies in the picture: place i is (x + i * dx) / (depth + i * ddepth), and so on.
struct ProjectedRow {
  double x, dx, y, dy, depth, ddepth;
};

/// Bicubic places are in steps of 1/1024: an error of half of that is less than a quarter of a level.
inline constexpr int cubic_bits = 14, cubic_cut = 8, cubic_step_bits = 10, cubic_steps = 1 << cubic_step_bits;

/// What places lie between.
struct PlaceRange {
  int32_t first_column, last_column, first_row, last_row;
};

/// Resized pixels have the levels that OpenCV gives them, to the last bit: neighbours are mixed in both rows, of which
/// four bits are dropped, and of what each row then adds sixteen more.
struct PixelTable {
  /// Mixes neighbours: three numbers for each pixel in an order of the instruction set's own. `space` has room for
  /// the row's bytes and eight more as 16-bit numbers, or for eight each pixel where the columns are sparse.
  void (*mix)(const SourceRow& row, const Columns& columns, int16_t* space, uint16_t* out);
  void (*mixed_to_floats)(const MixedRows& rows, int64_t count, const Planes& planes);
  void (*mixed_to_pixels)(const MixedRows& rows, int64_t count, uint8_t* out);
  /// The same as these where pixels are the means of two by two: 2 * count pixels in each of two rows.
  void (*halve)(const uint8_t* upper, const uint8_t* lower, int64_t count, uint8_t* out);
  /// Pixels as they are.
  void (*pixels_to_floats)(const uint8_t* pixels, int64_t count, const Planes& planes);
  void (*fill)(float value, int64_t count, float* out);
  /// Pixels taken bilinearly at places that all lie at least 1/64 inside of 0 and the third last column, and of 0 and
  /// the last row. Returns how many from the first on it has taken: all but a few, or none where there is no fast way.
  int64_t (*along_line)(const uint8_t* pixels, int64_t stride, const LinePlaces& places, int64_t count, uint8_t* out);
  /// Pixels taken bicubically: place i has its sixteen neighbours from the one above and to the left of where it lies
  /// on, all of which lie in the picture, as do four more bytes in each row. The picture has fewer than 2^31 bytes.
  void (*cubic)(const uint8_t* pixels, int64_t stride, const int32_t* columns, const int32_t* rows, int64_t count,
                uint8_t* out);
  /// Places of a row in steps, none of them farther than 32-bit integers can say.
  PlaceRange (*find_places)(const ProjectedRow& row, int64_t count, int32_t* columns, int32_t* rows);
};
const PixelTable& pixel_table(Isa isa);

/// Four weights, of 2^14 together, for each place between pixels, one after the other. Along a row neighbours 0 and 1
/// are mixed, and 2 and 3, of which cubic_cut bits are dropped; then what that gives in four rows.
const int16_t* cubic_weights();

}  // namespace kiln::vision
