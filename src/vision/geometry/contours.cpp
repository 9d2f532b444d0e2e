#include "vision/geometry/contours.hpp"

#include <algorithm>
#include <array>

namespace kiln::vision {

Mask dilate_by_one(const Mask& mask) {
  Mask result(mask.width, mask.height);
  for (int64_t y = 0; y < mask.height; ++y) {
    const uint8_t* here = mask.row(y);
    const uint8_t* above = mask.row(std::max<int64_t>(y - 1, 0));
    uint8_t* to = result.row(y);
    if (mask.width > 0) to[0] = here[0] | above[0];
    for (int64_t x = 1; x < mask.width; ++x) to[x] = here[x] | here[x - 1] | above[x] | above[x - 1];
  }
  return result;
}

namespace {

/// Border following after Suzuki and Abe (1985): every pixel of a border is marked, so that no border is found twice.
class BorderFollower {
 public:
  explicit BorderFollower(const Mask& mask)
      : width_(mask.width + 2), marks_(static_cast<size_t>(width_ * (mask.height + 2))) {
    for (int64_t y = 0; y < mask.height; ++y) {
      for (int64_t x = 0; x < mask.width; ++x) mark(at(x, y)) = mask.row(y)[x] ? fresh : empty;
    }
    // Neighbours against the clock, as the picture is seen, from the one to the right.
    steps_ = {1, 1 - width_, -width_, -1 - width_, -1, width_ - 1, width_, width_ + 1};
  }

  std::vector<std::vector<Point>> find_all(int64_t height) {
    std::vector<std::vector<Point>> contours;
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t i = at(0, y), end = at(width_ - 2, y); i < end; ++i) {
        if (mark(i) == empty) continue;
        if (mark(i) == fresh && mark(i - 1) == empty) {
          contours.push_back(follow(i, 4));
        } else if (mark(i) != seen_right_open && mark(i + 1) == empty) {
          contours.push_back(follow(i, 0));
        }
      }
    }
    std::reverse(contours.begin(), contours.end());
    return contours;
  }

 private:
  enum Mark : uint8_t { empty, fresh, seen, seen_right_open };

  int64_t at(int64_t x, int64_t y) const { return (y + 1) * width_ + x + 1; }
  uint8_t& mark(int64_t i) { return marks_[static_cast<size_t>(i)]; }
  int64_t step(int64_t direction) const { return steps_[static_cast<size_t>(direction & 7)]; }
  Point point_of(int64_t i) const { return {static_cast<float>(i % width_ - 1), static_cast<float>(i / width_ - 1)}; }

  /// Follows the border that begins at `start`, whose neighbour in `direction` is empty.
  std::vector<Point> follow(int64_t start, int64_t direction) {
    std::vector<Point> points;
    int64_t first = direction;
    do {
      first = (first - 1) & 7;
    } while (first != direction && mark(start + step(first)) == empty);
    if (first == direction) {
      mark(start) = seen_right_open;
      points.push_back(point_of(start));
      return points;
    }
    const int64_t last = start + step(first);
    int64_t here = start, from = first;
    while (true) {
      bool right_open = false;
      int64_t next = from;
      do {
        next = (next + 1) & 7;
        if (next == 0 && mark(here + step(0)) == empty) right_open = true;
      } while (mark(here + step(next)) == empty);
      if (right_open) {
        mark(here) = seen_right_open;
      } else if (mark(here) == fresh) {
        mark(here) = seen;
      }
      points.push_back(point_of(here));
      const int64_t to = here + step(next);
      if (to == start && here == last) return points;
      here = to;
      from = (next + 4) & 7;
    }
  }

  int64_t width_;
  std::vector<uint8_t> marks_;
  std::array<int64_t, 8> steps_{};
};

}  // namespace

std::vector<std::vector<Point>> find_contours(const Mask& mask) { return BorderFollower(mask).find_all(mask.height); }

}  // namespace kiln::vision
