#pragma once

#include <cstdint>
#include <vector>

#include "kiln/vision/point.hpp"

namespace kiln::vision {

/// The corners of the smallest convex polygon around the points, in one direction, none of them on a side.
std::vector<Point> convex_hull(std::vector<Point> points);

/// A rectangle that may be turned.
struct TurnedRectangle {
  Quad corners{};  ///< top left, top right, bottom right, bottom left, as far as it is turned little
  float shorter_side = 0;
};

/// The rectangle of least area around the points.
TurnedRectangle min_area_rectangle(const std::vector<Point>& points);

double area(const Quad& polygon);  ///< never negative
double perimeter(const Quad& polygon);

/// What lies within `distance` of a convex box: its outline in whole pixels, corners rounded. The box's own corners are
/// cut to whole pixels first.
std::vector<Point> grow(const Quad& box, double distance);

/// The mean of a map over the pixels of a convex box, those on its sides too; its corners are cut to whole pixels.
double mean_inside(const float* map, int64_t width, int64_t height, const Quad& box);

}  // namespace kiln::vision
