#include <algorithm>
#include <cmath>

#include "kiln/vision/draw.hpp"
#include "vision/draw/blend.hpp"

namespace kiln::vision {

Colour colour_of(size_t index) {
  constexpr Colour colours[] = {{230, 60, 50},  {40, 130, 240}, {40, 170, 80},  {240, 140, 20},
                                {150, 70, 210}, {0, 160, 170},  {220, 50, 140}, {120, 120, 20},
                                {90, 90, 230},  {170, 90, 40},  {70, 140, 120}, {110, 110, 110}};
  return colours[index % std::size(colours)];
}

double line_width_for(const PictureView& picture) {
  return std::max(1.5, static_cast<double>(picture.width + picture.height) / 900);
}

void draw_line(Picture& picture, Point from, Point to, Colour colour, double width) {
  if (!std::isfinite(from.x + from.y + to.x + to.y) || !(width > 0)) return;
  const double radius = width / 2, reach = radius + 1;
  // The first and last pixel of a side that may be touched, whatever the numbers.
  const auto first = [](double low, int64_t size) {
    return static_cast<int64_t>(std::clamp(std::floor(low), 0.0, static_cast<double>(size)));
  };
  const auto last = [](double high, int64_t size) {
    return static_cast<int64_t>(std::clamp(std::ceil(high), -1.0, static_cast<double>(size - 1)));
  };
  const int64_t top = first(std::min(from.y, to.y) - reach, picture.height());
  const int64_t bottom = last(std::max(from.y, to.y) + reach, picture.height());
  const double dx = double{to.x} - from.x, dy = double{to.y} - from.y, square = dx * dx + dy * dy;
  for (int64_t y = top; y <= bottom; ++y) {
    // Of a long line a row has few pixels: only those near the place where it crosses are looked at.
    double low = std::min(from.x, to.x), high = std::max(from.x, to.x);
    if (std::abs(dy) > 1e-3) {
      const double above = from.x + (static_cast<double>(y) - reach - from.y) * dx / dy;
      const double below = from.x + (static_cast<double>(y) + reach - from.y) * dx / dy;
      low = std::max(low, std::min(above, below));
      high = std::min(high, std::max(above, below));
    }
    const int64_t stop = last(high + reach, picture.width());
    for (int64_t x = first(low - reach, picture.width()); x <= stop; ++x) {
      const double px = static_cast<double>(x) - from.x, py = static_cast<double>(y) - from.y;
      const double along = square > 0 ? std::clamp((px * dx + py * dy) / square, 0.0, 1.0) : 0.0;
      blend(picture.row(y) + 3 * x, colour, radius + 0.5 - std::hypot(px - along * dx, py - along * dy));
    }
  }
}

void draw_outline(Picture& picture, const Quad& box, Colour colour, double width) {
  for (size_t i = 0; i < 4; ++i) draw_line(picture, box[i], box[(i + 1) % 4], colour, width);
}

void draw_disc(Picture& picture, Point centre, double radius, Colour colour) {
  draw_line(picture, centre, centre, colour, 2 * radius);
}

}  // namespace kiln::vision
