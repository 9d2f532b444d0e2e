#pragma once

#include <algorithm>
#include <cstdint>

#include "kiln/vision/draw.hpp"

namespace kiln::vision {

/// Puts a colour over a pixel, which it covers so far, from 0 to 1.
inline void blend(uint8_t* pixel, Colour colour, double cover) {
  if (!(cover > 0)) return;
  const auto part = static_cast<int>(std::min(cover, 1.0) * 256);
  const auto mix = [&](uint8_t& to, uint8_t from) {
    to = static_cast<uint8_t>((to * (256 - part) + from * part) >> 8);
  };
  mix(pixel[0], colour.red);
  mix(pixel[1], colour.green);
  mix(pixel[2], colour.blue);
}

}  // namespace kiln::vision
