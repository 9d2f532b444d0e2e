#pragma once

#include <cstddef>
#include <cstring>

namespace kiln::vision {

/// Floats in a block of BoxBlocks.
inline constexpr size_t box_block = 40;

namespace {

using Eight = float __attribute__((vector_size(32)));
using EightBits = int __attribute__((vector_size(32)));

inline bool any_of(const EightBits& lanes) {
  long long parts[4];
  std::memcpy(parts, &lanes, sizeof parts);
  return (parts[0] | parts[1] | parts[2] | parts[3]) != 0;
}

inline bool overlaps_any_in_blocks(const float* blocks, size_t count, const float* box, float most) {
  const Eight zero{}, left = zero + box[0], top = zero + box[1], right = zero + box[2], bottom = zero + box[3];
  const Eight own_area = (right - left) * (bottom - top);
  // What overlaps more is told by a quotient, as others round it, but only where a product, which is faster, comes
  // near.
  const float nearly = most * (1 - 1e-6f);
  for (const float* block = blocks; block != blocks + count * box_block; block += box_block) {
    Eight l, t, r, b, area;
    std::memcpy(&l, block, sizeof l);
    std::memcpy(&t, block + 8, sizeof t);
    std::memcpy(&r, block + 16, sizeof r);
    std::memcpy(&b, block + 24, sizeof b);
    std::memcpy(&area, block + 32, sizeof area);
    const Eight width = (right < r ? right : r) - (left > l ? left : l);
    const Eight height = (bottom < b ? bottom : b) - (top > t ? top : t);
    const Eight both = width * height, either = area + own_area - both;
    const EightBits near = (width > 0) & (height > 0) & (both > nearly * either);
    if (any_of(near) && any_of(near & (both / either > most))) return true;
  }
  return false;
}

}  // namespace

}  // namespace kiln::vision
