#pragma once

#include <cstddef>
#include <cstring>

namespace kiln::vision {

/// Floats in a block of BoxBlocks.
inline constexpr size_t box_block = 40;

namespace {

using Eight = float __attribute__((vector_size(32)));
using EightBits = int __attribute__((vector_size(32)));

inline bool overlaps_any_in_blocks(const float* blocks, size_t count, const float* box, float most) {
  const Eight zero{}, left = zero + box[0], top = zero + box[1], right = zero + box[2], bottom = zero + box[3];
  const Eight own_area = (right - left) * (bottom - top);
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
    const EightBits over = (width > 0) & (height > 0) & (both > most * either);
    long long parts[4];
    std::memcpy(parts, &over, sizeof parts);
    if ((parts[0] | parts[1] | parts[2] | parts[3]) != 0) return true;
  }
  return false;
}

}  // namespace

}  // namespace kiln::vision
