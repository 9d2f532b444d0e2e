#pragma once

#include "kernels/layout.hpp"

namespace kiln {

/// Floats between the sums of a row of images and those of the next: one for each lane of all channel blocks.
inline int64_t row_sums_stride(const BlockedLayout& image) { return image.blocks() * image.block; }

/// The sums of rows [begin, end) of an image, which lie from `sums` on.
struct RowSums {
  const float* sums;
  int64_t begin, end;
};

/// The means of channels [first, first + block) of an image, from the sums of its rows in their order: the same to the
/// bit however the rows were shared out. `mean` has the image's channels in a pixel.
void write_mean_block(const BlockedLayout& image, const RowSums* pieces, int64_t count, int64_t block, float* mean);

}  // namespace kiln
