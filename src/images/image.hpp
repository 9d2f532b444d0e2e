#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/knobs.hpp"

namespace kiln {

inline Knob<int64_t> max_pixels{"max_pixels",
                                "KILN_MAX_PIXELS",
                                int64_t{1} << 27,
                                "most pixels a picture may have: a short file can claim any size",
                                1,
                                int64_t{1} << 40};

/// The knobs of reading pictures.
KnobList image_knobs();

/// A decoded picture: rows from the top, channels (gray, or red, green and blue) side by side.
struct Image {
  int64_t width = 0, height = 0;
  int channels = 0;  ///< 1 or 3
  std::vector<uint8_t> pixels;

  /// A picture whose pixels are zero. Fails with limit_exceeded above max_pixels.
  Image(int64_t width, int64_t height, int channels);

  uint8_t* row(int64_t y) { return pixels.data() + y * width * channels; }
  const uint8_t* row(int64_t y) const { return pixels.data() + y * width * channels; }
};

using Bytes = std::span<const uint8_t>;

/// Fails with limit_exceeded as the constructor does, before anything is allocated.
void require_image_size(int64_t width, int64_t height);

enum class ImageFormat : uint8_t { unknown, bmp, jpeg, jpeg2000, png, pnm, tiff, webp };

/// What the first bytes say.
ImageFormat image_format(Bytes file);
std::string_view image_format_name(ImageFormat format);  ///< "JPEG 2000"

/// Decodes BMP, JPEG, JPEG 2000, PNG, PNM, TIFF or WebP, told apart by their first bytes; nothing when the bytes are
/// none of these or damaged. Alpha is dropped; what is animated gives its first picture.
std::optional<Image> decode_image(Bytes file);

std::optional<Image> decode_bmp(Bytes file);
std::optional<Image> decode_jpeg(Bytes file);
std::optional<Image> decode_jpeg2000(Bytes file);
std::optional<Image> decode_png(Bytes file);
std::optional<Image> decode_pnm(Bytes file);
std::optional<Image> decode_tiff(Bytes file);
std::optional<Image> decode_webp(Bytes file);

}  // namespace kiln
