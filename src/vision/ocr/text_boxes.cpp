#include "vision/ocr/text_boxes.hpp"

#include <algorithm>
#include <cmath>

#include "vision/geometry/contours.hpp"
#include "vision/geometry/polygon.hpp"

namespace kiln::vision {

namespace {

constexpr size_t most_candidates = 1000;
constexpr float least_side = 3;

float distance(const Point& a, const Point& b) { return std::hypot(a.x - b.x, a.y - b.y); }

/// Top left, top right, bottom right, bottom left: the upper one of the two on the left, and so on.
Quad clockwise(Quad box) {
  std::stable_sort(box.begin(), box.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  if (box[1].y < box[0].y) std::swap(box[0], box[1]);
  if (box[3].y < box[2].y) std::swap(box[2], box[3]);
  return {box[0], box[2], box[3], box[1]};
}

bool is_flat(const Quad& box) {
  for (size_t i = 0; i < 4; ++i) {
    const Point &a = box[i], &b = box[(i + 1) % 4], &c = box[(i + 2) % 4];
    if (std::abs((b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x)) < 1) return true;
  }
  return false;
}

}  // namespace

std::vector<Quad> find_text_boxes(const float* map, int64_t width, int64_t height, int64_t picture_width,
                                  int64_t picture_height, const OcrOptions& options) {
  Mask mask(width, height);
  for (size_t i = 0; i < mask.bits.size(); ++i) mask.bits[i] = map[i] > options.pixel_threshold;
  const auto contours = find_contours(dilate_by_one(mask));
  std::vector<Quad> boxes;
  for (size_t i = 0; i < std::min(contours.size(), most_candidates); ++i) {
    const TurnedRectangle core = min_area_rectangle(contours[i]);
    if (core.shorter_side < least_side) continue;
    if (mean_inside(map, width, height, core.corners) < options.box_threshold) continue;
    const double reach = area(core.corners) * options.unclip_ratio / perimeter(core.corners);
    const TurnedRectangle whole = min_area_rectangle(grow(core.corners, reach));
    if (whole.shorter_side < least_side + 2) continue;
    Quad box = whole.corners;
    const auto scaled = [](float value, int64_t from, int64_t to) {
      return std::clamp(std::nearbyint(value / static_cast<float>(from) * static_cast<float>(to)), 0.0f,
                        static_cast<float>(to));
    };
    for (Point& p : box) p = {scaled(p.x, width, picture_width), scaled(p.y, height, picture_height)};
    box = clockwise(box);
    for (Point& p : box) {
      p = {std::min(p.x, static_cast<float>(picture_width - 1)), std::min(p.y, static_cast<float>(picture_height - 1))};
    }
    if (std::trunc(distance(box[0], box[1])) <= least_side || std::trunc(distance(box[0], box[3])) <= least_side) {
      continue;
    }
    if (!is_flat(box)) boxes.push_back(box);
  }
  return boxes;
}

void sort_for_reading(std::vector<Quad>& boxes) {
  std::stable_sort(boxes.begin(), boxes.end(),
                   [](const Quad& a, const Quad& b) { return a[0].y != b[0].y ? a[0].y < b[0].y : a[0].x < b[0].x; });
  // Lines whose tops differ by less than this stand side by side.
  constexpr float same_line = 10;
  for (size_t i = 1; i < boxes.size(); ++i) {
    for (size_t j = i; j > 0; --j) {
      const Point &here = boxes[j][0], &before = boxes[j - 1][0];
      if (std::abs(here.y - before.y) >= same_line || here.x >= before.x) break;
      std::swap(boxes[j], boxes[j - 1]);
    }
  }
}

}  // namespace kiln::vision
