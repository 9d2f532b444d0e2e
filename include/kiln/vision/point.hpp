#pragma once

#include <array>

namespace kiln::vision {

/// A place in a picture: the centre of its first pixel is at 0, 0.
struct Point {
  float x = 0, y = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

/// Corners of a box that may be turned: top left, top right, bottom right, bottom left.
using Quad = std::array<Point, 4>;

}  // namespace kiln::vision
