#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// Some lanes of the pixels of a block: lane i of pixel p comes from from[p * block + i], first <= i < last.
struct LanePiece {
  const float* from;
  int first, last;
};
/// Puts `pixels` blocks together from pieces whose lanes do not overlap; lanes in no piece become zero.
using LaneFunction = void (*)(const LanePiece* pieces, int64_t count, int64_t pixels, float* to);

LaneFunction lane_function(Isa isa);

}  // namespace kiln
