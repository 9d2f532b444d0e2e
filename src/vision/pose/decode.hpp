#pragma once

#include <cstdint>
#include <vector>

#include "kiln/vision/pose.hpp"

namespace kiln::vision {

/// The peak of each of [joints, height, width] maps, in pixels of the maps.
std::vector<Joint> decode_heat_maps(const float* maps, int64_t joints, int64_t height, int64_t width,
                                    Refinement refinement);

/// Where the scores [joints, count] along an axis are the highest, as an index, and how high they are there.
struct AxisPeak {
  int64_t index = 0;
  float score = 0;
};
std::vector<AxisPeak> decode_axis(const float* scores, int64_t joints, int64_t count);

}  // namespace kiln::vision
