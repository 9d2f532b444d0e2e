#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kiln/vision/point.hpp"

namespace kiln::vision {

/// A picture of zeros and ones.
struct Mask {
  int64_t width = 0, height = 0;
  std::vector<uint8_t> bits;

  Mask(int64_t width_, int64_t height_)
      : width(width_), height(height_), bits(static_cast<size_t>(width_) * static_cast<size_t>(height_)) {}
  uint8_t* row(int64_t y) { return bits.data() + y * width; }
  const uint8_t* row(int64_t y) const { return bits.data() + y * width; }
};

/// Ones spread to the right and down by a pixel, as OpenCV dilates with a kernel of 2 x 2.
Mask dilate_by_one(const Mask& mask);

/// The pixels along the borders of all regions of ones that touch at sides or corners: of each region the outer border,
/// and one for each hole in it. In the order in which a scan from the bottom right finds them.
std::vector<std::vector<Point>> find_contours(const Mask& mask);

}  // namespace kiln::vision
