#include "vision/geometry/polygon.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace kiln::vision {

namespace {

/// Twice the area of the triangle, positive for a turn to one side.
double turn(const Point& a, const Point& b, const Point& c) {
  return (double{b.x} - a.x) * (double{c.y} - a.y) - (double{b.y} - a.y) * (double{c.x} - a.x);
}

}  // namespace

std::vector<Point> convex_hull(std::vector<Point> points) {
  std::sort(points.begin(), points.end(),
            [](const Point& a, const Point& b) { return a.x != b.x ? a.x < b.x : a.y < b.y; });
  points.erase(std::unique(points.begin(), points.end()), points.end());
  if (points.size() < 3) return points;
  std::vector<Point> hull;
  const auto add = [&](const Point& point, size_t floor) {
    while (hull.size() >= floor + 2 && turn(hull[hull.size() - 2], hull.back(), point) <= 0) hull.pop_back();
    hull.push_back(point);
  };
  for (const Point& point : points) add(point, 0);
  const size_t floor = hull.size() - 1;
  for (size_t i = points.size() - 1; i-- > 0;) add(points[i], floor);
  hull.pop_back();
  return hull;
}

double area(const Quad& polygon) {
  double twice = 0;
  for (size_t i = 0; i < 4; ++i) {
    const Point &a = polygon[i], &b = polygon[(i + 1) % 4];
    twice += double{a.x} * b.y - double{b.x} * a.y;
  }
  return std::abs(twice) / 2;
}

double perimeter(const Quad& polygon) {
  double length = 0;
  for (size_t i = 0; i < 4; ++i) {
    const Point &a = polygon[i], &b = polygon[(i + 1) % 4];
    length += std::hypot(double{b.x} - a.x, double{b.y} - a.y);
  }
  return length;
}

std::vector<Point> grow(const Quad& box, double distance) {
  std::vector<Point> corners;
  for (const Point& p : box) corners.push_back({std::trunc(p.x), std::trunc(p.y)});
  corners = convex_hull(std::move(corners));
  if (corners.size() < 3 || !(distance > 0)) return corners;
  // Arcs whose chords stay within a quarter of a pixel.
  const double tolerance = std::min(0.25, distance * 0.25);
  const double full_circle =
      std::min(std::numbers::pi / std::acos(1 - tolerance / distance), distance * std::numbers::pi);
  std::vector<Point> outline;
  const auto add = [&](const Point& corner, double angle) {
    outline.push_back({static_cast<float>(std::round(corner.x + distance * std::cos(angle))),
                       static_cast<float>(std::round(corner.y + distance * std::sin(angle)))});
  };
  for (size_t i = 0; i < corners.size(); ++i) {
    const Point &before = corners[(i + corners.size() - 1) % corners.size()], &here = corners[i],
                &after = corners[(i + 1) % corners.size()];
    // The outward normals of the two sides that meet here.
    const double begin = std::atan2(-(double{here.x} - before.x), double{here.y} - before.y);
    const double end = std::atan2(-(double{after.x} - here.x), double{after.y} - here.y);
    double sweep = end - begin;
    if (sweep < 0) sweep += 2 * std::numbers::pi;
    const auto steps = std::max<int64_t>(1, std::llround(full_circle / (2 * std::numbers::pi) * sweep));
    for (int64_t k = 0; k < steps; ++k) add(here, begin + static_cast<double>(k) * 2 * std::numbers::pi / full_circle);
    add(here, end);
  }
  return outline;
}

double mean_inside(const float* map, int64_t width, int64_t height, const Quad& box) {
  const auto low = [](float value, int64_t size) {
    return std::clamp<int64_t>(static_cast<int64_t>(std::floor(value)), 0, size - 1);
  };
  const auto high = [](float value, int64_t size) {
    return std::clamp<int64_t>(static_cast<int64_t>(std::ceil(value)), 0, size - 1);
  };
  const auto [left, right] = std::minmax({box[0].x, box[1].x, box[2].x, box[3].x});
  const auto [top, bottom] = std::minmax({box[0].y, box[1].y, box[2].y, box[3].y});
  const int64_t x0 = low(left, width), x1 = high(right, width), y0 = low(top, height), y1 = high(bottom, height);
  // For each row the first and last pixel of the outline.
  struct Span {
    int64_t first = std::numeric_limits<int64_t>::max(), last = -1;
  };
  std::vector<Span> spans(static_cast<size_t>(y1 - y0 + 1));
  const auto touch = [&](int64_t x, int64_t y) {
    if (y < 0 || y > y1 - y0) return;
    Span& span = spans[static_cast<size_t>(y)];
    span.first = std::min(span.first, std::max<int64_t>(x, 0));
    span.last = std::max(span.last, std::min(x, x1 - x0));
  };
  for (size_t i = 0; i < 4; ++i) {
    const auto whole = [](float value, int64_t from) { return static_cast<int64_t>(value - static_cast<float>(from)); };
    const Point &a = box[i], &b = box[(i + 1) % 4];
    const int64_t ax = whole(a.x, x0), ay = whole(a.y, y0), bx = whole(b.x, x0), by = whole(b.y, y0);
    const int64_t count = std::max(std::abs(bx - ax), std::abs(by - ay));
    for (int64_t k = 0; k <= count; ++k) {
      const double part = count == 0 ? 0 : static_cast<double>(k) / static_cast<double>(count);
      touch(ax + std::llround(part * static_cast<double>(bx - ax)),
            ay + std::llround(part * static_cast<double>(by - ay)));
    }
  }
  double sum = 0;
  int64_t count = 0;
  for (size_t y = 0; y < spans.size(); ++y) {
    const float* row = map + (y0 + static_cast<int64_t>(y)) * width + x0;
    for (int64_t x = spans[y].first; x <= spans[y].last; ++x) sum += row[x];
    count += std::max<int64_t>(0, spans[y].last - spans[y].first + 1);
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace kiln::vision
