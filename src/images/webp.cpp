#include <webp/decode.h>

#include <algorithm>

#include "images/image.hpp"

namespace kiln {

namespace {

uint32_t little(Bytes bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | (at + i < bytes.size() ? bytes[at + i] : 0);
  return value;
}

bool has_name(Bytes bytes, size_t at, std::string_view name) {
  return at + name.size() <= bytes.size() &&
         std::equal(name.begin(), name.end(), bytes.begin() + static_cast<long>(at));
}

/// Calls visit(where its name stands, its content) for each chunk, until it returns true.
template <class Visit>
bool find_chunk(Bytes chunks, Visit&& visit) {
  for (size_t at = 0; at + 8 <= chunks.size();) {
    const size_t length = little(chunks, at + 4, 4);
    if (length > chunks.size() - at - 8) return false;
    if (visit(at, chunks.subspan(at + 8, length))) return true;
    at += 8 + length + length % 2;
  }
  return false;
}

bool decode_into(Bytes file, uint8_t* to, int64_t width, int64_t height, int64_t stride) {
  int found_width = 0, found_height = 0;
  if (!WebPGetInfo(file.data(), file.size(), &found_width, &found_height)) return false;
  if (found_width != width || found_height != height) return false;
  const auto room = static_cast<size_t>((height - 1) * stride + width * 3);
  return WebPDecodeRGBInto(file.data(), file.size(), to, room, static_cast<int>(stride)) != nullptr;
}

/// The first picture of an animation, on a canvas that is black around it.
bool decode_first_frame(Bytes file, Image& image) {
  Bytes frame;
  const auto is_frame = [&](size_t at, Bytes content) {
    if (!has_name(file.subspan(12), at, "ANMF") || content.size() < 16) return false;
    frame = content;
    return true;
  };
  if (!find_chunk(file.subspan(12), is_frame)) return false;
  const int64_t x = 2 * int64_t{little(frame, 0, 3)}, y = 2 * int64_t{little(frame, 3, 3)};
  const int64_t width = int64_t{little(frame, 6, 3)} + 1, height = int64_t{little(frame, 9, 3)} + 1;
  if (x + width > image.width || y + height > image.height) return false;
  const Bytes chunks = frame.subspan(16);
  return find_chunk(chunks, [&](size_t at, Bytes content) {
    const bool pixels = has_name(chunks, at, "VP8 ") || has_name(chunks, at, "VP8L");
    return pixels && decode_into(content, image.row(y) + 3 * x, width, height, 3 * image.width);
  });
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
