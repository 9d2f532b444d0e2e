#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kiln/vision/picture.hpp"
#include "kiln/vision/point.hpp"

namespace kiln::vision {

struct Colour {
  uint8_t red = 255, green = 0, blue = 0;
};

/// One of twelve that are told apart easily, over and over.
Colour colour_of(size_t index);
/// What looks right in a picture of this size, in pixels.
double line_width_for(const PictureView& picture);

/// Lines with round ends, smoothed; what lies outside of the picture is left out.
void draw_line(Picture& picture, Point from, Point to, Colour colour, double width);
void draw_outline(Picture& picture, const Quad& box, Colour colour, double width);
void draw_disc(Picture& picture, Point centre, double radius, Colour colour);

/// Text on a plate of that colour whose lower left corner is at `corner`, moved so that it begins in the picture.
/// `height` is that of its letters; 0 takes what looks right. Letters come from the font that the knob `font` names, or
/// from the first of Debian's fonts with Chinese letters, or of its Latin ones; without any the plate stays empty.
void draw_label(Picture& picture, Point corner, std::string_view text, Colour colour, int height = 0);

}  // namespace kiln::vision
