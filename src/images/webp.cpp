#include <webp/decode.h>

#include "images/numbers.hpp"
#include "images/riff.hpp"

namespace kiln {

namespace {

bool decode_into(Bytes file, uint8_t* to, int64_t width, int64_t height, int64_t stride) {
  int found_width = 0, found_height = 0;
  if (!WebPGetInfo(file.data(), file.size(), &found_width, &found_height)) return false;
  if (found_width != width || found_height != height) return false;
  const auto room = static_cast<size_t>((height - 1) * stride + width * 3);
  return WebPDecodeRGBInto(file.data(), file.size(), to, room, static_cast<int>(stride)) != nullptr;
}

/// A picture of an animation, on a canvas that is black around it.
bool decode_frame(Bytes frame, Image& image) {
  const Numbers numbers(frame);
  const int64_t x = 2 * int64_t{numbers.u24(0)}, y = 2 * int64_t{numbers.u24(3)};
  const int64_t width = int64_t{numbers.u24(6)} + 1, height = int64_t{numbers.u24(9)} + 1;
  if (x + width > image.width || y + height > image.height) return false;
  for (Bytes chunks = frame.subspan(16); const auto chunk = take_chunk(chunks);) {
    if (chunk->name != "VP8 " && chunk->name != "VP8L") continue;
    if (decode_into(chunk->content, image.row(y) + 3 * x, width, height, 3 * image.width)) return true;
  }
  return false;
}

bool decode_first_frame(Bytes file, Image& image) {
  for (Bytes chunks = file.subspan(12); const auto chunk = take_chunk(chunks);) {
    if (chunk->name == "ANMF" && chunk->content.size() >= 16) return decode_frame(chunk->content, image);
  }
  return false;
}

}  // namespace

std::optional<Image> decode_webp(Bytes file) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK) return {};
  Image image(features.width, features.height, 3);
  const bool good = features.has_animation
                        ? decode_first_frame(file, image)
                        : decode_into(file, image.pixels.data(), image.width, image.height, 3 * image.width);
  return good ? std::optional(std::move(image)) : std::nullopt;
}

}  // namespace kiln
