#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// A run of output pixels of one block of channels, all of whose windows cover the same taps.
struct PoolArgs {
  const float* in;   ///< what the first pixel's first tap reads
  int64_t rows;      ///< rows of taps
  int64_t in_row;    ///< from a row of taps to the next
  int64_t in_step;   ///< from pixel to pixel
  int64_t taps;      ///< in a row
  int64_t tap_step;  ///< from tap to tap in a row
  float* out;
  int64_t pixels;
  float factor;  ///< of a sum; a maximum has none
};
/// Returns the least of the maxima (minus infinity where a window holds no number but that); 0 for sums.
using PoolFunction = float (*)(const PoolArgs&);

/// A whole row of output pixels of one block of channels, with taps side by side.
struct PoolRowArgs {
  const float* in;  ///< the first covered row's first pixel
  int64_t rows;     ///< covered rows
  int64_t in_row;   ///< from a covered row to the next
  int64_t width;    ///< of the input
  int64_t first;    ///< the column of the first pixel's first tap, which may be before the image
  float* out;
  int64_t pixels;
  float factor;          ///< of all sums
  const float* factors;  ///< of each pixel's sum besides
};
using PoolRowFunction = float (*)(const PoolRowArgs&);

/// All pixels of a block of channels as one.
struct GlobalPoolArgs {
  const float* in;
  int64_t rows, row_stride, columns;
  float* out;  ///< `used` floats
  int64_t used;
  bool divides = true;  ///< a sum by the number of pixels
};
using GlobalPoolFunction = void (*)(const GlobalPoolArgs&);

struct PoolFunctions {
  PoolFunction any;
  PoolRowFunction k2s2, k3s1, k3s2, k5s1;  ///< that many taps in a row and that stride
};

struct PoolTable {
  PoolFunctions max, sum;
  GlobalPoolFunction global_max, global_mean;
};
const PoolTable& pool_table(Isa isa);

}  // namespace kiln
