#pragma once

#include <cstddef>
#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// A run of pixels on one line, of a few output channels. Lanes are input channels.
struct NarrowArgs {
  const float* in;           ///< where the first pixel reads
  int64_t in_step;           ///< from pixel to pixel
  const ptrdiff_t* offsets;  ///< of the `groups` blocks of input channels that each pixel reads, from its place
  int64_t groups;
  const float* weights;  ///< [group][output channel][lanes]
  float* out;            ///< a float for each pixel
  int64_t out_row;       ///< from an output channel to the next
};
using NarrowFunction = void (*)(const NarrowArgs&);

struct NarrowTable {
  static constexpr int most_outputs = 4, most_pixels = 8;

  int lanes;
  int pixels[most_outputs + 1];                            ///< the most of a run, by output channels
  NarrowFunction runs[most_outputs + 1][most_pixels + 1];  ///< [output channels][pixels]
};
const NarrowTable& narrow_table(Isa isa);

}  // namespace kiln
