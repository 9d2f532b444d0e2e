#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace kiln {

/// A decoded picture: rows from the top, channels (gray, or red, green and blue) side by side.
struct Image {
  int64_t width = 0, height = 0;
  int channels = 0;  ///< 1 or 3
  std::vector<uint8_t> pixels;

  /// A picture whose pixels are zero. Fails with limit_exceeded above 2^27 pixels: a short file can claim any size.
  Image(int64_t width, int64_t height, int channels);

  uint8_t* row(int64_t y) { return pixels.data() + y * width * channels; }
  const uint8_t* row(int64_t y) const { return pixels.data() + y * width * channels; }
};

using Bytes = std::span<const uint8_t>;

/// Decodes BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP, told apart by their first bytes; nothing when the bytes are
/// none of these or damaged. Alpha is dropped.
std::optional<Image> decode_image(Bytes file);

std::optional<Image> decode_bmp(Bytes file);
std::optional<Image> decode_jpeg(Bytes file);
std::optional<Image> decode_jpeg2000(Bytes file);
std::optional<Image> decode_png(Bytes file);
std::optional<Image> decode_pnm(Bytes file);
std::optional<Image> decode_tiff(Bytes file);
std::optional<Image> decode_webp(Bytes file);

}  // namespace kiln
