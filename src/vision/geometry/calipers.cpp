// The rectangle of least area in single precision, step by step as OpenCV's minAreaRect and boxPoints round it: what
// follows cuts corners to whole pixels, and 198.99999 is another pixel than 199.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

#include "vision/geometry/polygon.hpp"

namespace kiln::vision {

namespace {

/// A box with sides along (a, b) and (-b, a) that touches a polygon with its four sides.
struct Caliper {
  float a, b;
  std::array<size_t, 4> touch;  ///< corners of the polygon at the sides below, right, above and left
  float width, height;
};

class Calipers {
 public:
  /// At least three corners of a convex polygon, none of them on a side.
  explicit Calipers(const std::vector<Point>& hull) : hull_(hull), edges_(hull.size()), inverse_(hull.size()) {
    for (size_t i = 0; i < hull.size(); ++i) {
      const Point &from = hull[i], &to = hull[next(i)];
      edges_[i] = {to.x - from.x, to.y - from.y};
      const double dx = edges_[i].x, dy = edges_[i].y;
      inverse_[i] = static_cast<float>(1.0 / std::sqrt(dx * dx + dy * dy));
    }
  }

  /// Each edge lies along a side once; of equal boxes the last counts.
  Caliper smallest() {
    const Point &last = edges_.back(), &first = edges_.front();
    const double turn = double{last.x} * first.y - double{last.y} * first.x;
    Caliper caliper{turn > 0 ? 1.0f : -1.0f, 0, extremes(), 0, 0};
    Caliper best = caliper;
    float least = std::numeric_limits<float>::max();
    for (size_t k = 0; k < hull_.size(); ++k) {
      rotate(caliper);
      if (const float area = caliper.width * caliper.height; area <= least) {
        least = area;
        best = caliper;
      }
    }
    return best;
  }

 private:
  size_t next(size_t i) const { return i + 1 == hull_.size() ? 0 : i + 1; }

  std::array<size_t, 4> extremes() const {
    size_t below = 0, right = 0, above = 0, left = 0;
    for (size_t i = 0; i < hull_.size(); ++i) {
      if (hull_[i].x < hull_[left].x) left = i;
      if (hull_[i].x > hull_[right].x) right = i;
      if (hull_[i].y > hull_[above].y) above = i;
      if (hull_[i].y < hull_[below].y) below = i;
    }
    return {below, right, above, left};
  }

  /// An edge as the side that it touches sees it.
  static Point seen_from(size_t side, const Point& edge) {
    switch (side) {
      case 0: return edge;
      case 1: return {edge.y, -edge.x};
      case 2: return {-edge.x, -edge.y};
      default: return {-edge.y, edge.x};
    }
  }

  /// Turns the box until a side lies along the next edge, which it does for the side that turns least.
  void rotate(Caliper& caliper) const {
    size_t side = 0;
    float highest = 0;
    for (size_t i = 0; i < 4; ++i) {
      const Point edge = seen_from(i, edges_[caliper.touch[i]]);
      const float cosine = (caliper.a * edge.x + caliper.b * edge.y) * inverse_[caliper.touch[i]];
      if (i == 0 || cosine > highest) {
        highest = cosine;
        side = i;
      }
    }
    size_t& corner = caliper.touch[side];
    const Point& edge = edges_[corner];
    const Point unit = seen_from(side, {edge.x * inverse_[corner], edge.y * inverse_[corner]});
    caliper.a = unit.x;
    caliper.b = unit.y;
    corner = next(corner);
    const auto between = [&](size_t from, size_t to) {
      const Point &p = hull_[caliper.touch[from]], &q = hull_[caliper.touch[to]];
      return Point{q.x - p.x, q.y - p.y};
    };
    const Point across = between(3, 1), up = between(0, 2);
    caliper.width = across.x * caliper.a + across.y * caliper.b;
    caliper.height = -up.x * caliper.b + up.y * caliper.a;
  }

  const std::vector<Point>& hull_;
  std::vector<Point> edges_;
  std::vector<float> inverse_;
};

float length_of(float x, float y) {
  return static_cast<float>(std::sqrt(double{x} * double{x} + double{y} * double{y}));
}

/// The left two corners, then the right two, each from the top.
Quad in_order(Quad corners) {
  std::stable_sort(corners.begin(), corners.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  const bool left_down = corners[1].y > corners[0].y, right_down = corners[3].y > corners[2].y;
  return {corners[left_down ? 0 : 1], corners[right_down ? 2 : 3], corners[right_down ? 3 : 2],
          corners[left_down ? 1 : 0]};
}

/// Puts the corners of a hull into the order of OpenCV's convexHull: against that of ours, and begun
/// where their places in the list of points are in order, if they go around as the points do.
void put_in_order_of(const std::vector<Point>& points, std::vector<Point>& hull) {
  std::reverse(hull.begin() + 1, hull.end());
  std::vector<std::ptrdiff_t> places;
  for (const Point& corner : hull) places.push_back(std::find(points.begin(), points.end(), corner) - points.begin());
  size_t ascents = 0;
  for (size_t i = 0; i < places.size(); ++i) ascents += places[i] < places[(i + 1) % places.size()];
  auto first = places.begin();
  if (ascents + 1 == places.size()) {
    first = std::min_element(places.begin(), places.end());
  } else if (ascents == 1) {
    first = std::max_element(places.begin(), places.end());
  }
  std::rotate(hull.begin(), hull.begin() + (first - places.begin()), hull.end());
}

/// A rectangle by its centre, size and angle in degrees.
TurnedRectangle rectangle_at(const Point& centre, float width, float height, float degrees) {
  const double angle = double{degrees} * std::numbers::pi / 180;
  const float c = static_cast<float>(std::cos(angle)) * 0.5f, s = static_cast<float>(std::sin(angle)) * 0.5f;
  const Quad corners{{{centre.x - s * height - c * width, centre.y + c * height - s * width},
                      {centre.x + s * height - c * width, centre.y - c * height - s * width},
                      {centre.x + s * height + c * width, centre.y - c * height + s * width},
                      {centre.x - s * height + c * width, centre.y + c * height + s * width}}};
  return {in_order(corners), std::min(width, height)};
}

}  // namespace

TurnedRectangle min_area_rectangle(const std::vector<Point>& points) {
  std::vector<Point> hull = convex_hull(points);
  TurnedRectangle flat;
  if (hull.empty()) return flat;
  if (hull.size() < 3) {
    flat.corners = in_order({hull[0], hull[0], hull.back(), hull.back()});
    return flat;
  }
  put_in_order_of(points, hull);
  const Caliper box = Calipers(hull).smallest();
  // The corner where the left side meets the one below.
  const Point &left = hull[box.touch[3]], &below = hull[box.touch[0]];
  const float c1 = box.a * left.x + left.y * box.b, c2 = -box.b * below.x + below.y * box.a;
  const float scale = 1.0f / (box.a * box.a - -box.b * box.b);
  const Point corner{(c1 * box.a - c2 * box.b) * scale, (box.a * c2 - -box.b * c1) * scale};
  const Point across{box.a * box.width, box.b * box.width}, up{-box.b * box.height, box.a * box.height};
  const Point centre{corner.x + (across.x + up.x) * 0.5f, corner.y + (across.y + up.y) * 0.5f};
  float width = length_of(across.x, across.y), height = length_of(up.x, up.y);
  auto degrees = static_cast<float>(std::atan2(double{across.y}, double{across.x}));
  degrees = static_cast<float>(double{degrees} * 180 / std::numbers::pi);
  if (degrees >= 0) {
    degrees -= 90;
    std::swap(width, height);
  } else if (degrees < -90) {
    degrees += 90;
    std::swap(width, height);
  }
  return rectangle_at(centre, width, height, degrees);
}

}  // namespace kiln::vision
