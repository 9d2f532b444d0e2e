#include <webp/decode.h>

#include "ops/images/image.hpp"

namespace kiln {

std::optional<Image> decode_webp(Bytes file) {
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(file.data(), file.size(), &features) != VP8_STATUS_OK || features.has_animation) return {};
  Image image(features.width, features.height, 3);
  if (!WebPDecodeRGBInto(file.data(), file.size(), image.pixels.data(), image.pixels.size(), features.width * 3)) {
    return {};
  }
  return image;
}

}  // namespace kiln
