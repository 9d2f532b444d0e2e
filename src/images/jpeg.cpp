#include <turbojpeg.h>

#include <memory>

#include "images/image.hpp"

namespace kiln {

namespace {

/// Inks as Adobe stores them, inverted, so that they multiply like light.
void cmyk_to_rgb(const std::vector<uint8_t>& cmyk, Image& image) {
  for (int64_t i = 0; i < image.width * image.height; ++i) {
    const auto at = static_cast<size_t>(i);
    for (size_t c = 0; c < 3; ++c) {
      image.pixels[at * 3 + c] = static_cast<uint8_t>((cmyk[at * 4 + c] * cmyk[at * 4 + 3] + 127) / 255);
    }
  }
}

}  // namespace

std::optional<Image> decode_jpeg(Bytes file) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  int width = 0, height = 0, subsampling = 0, space = 0;
  const auto size = static_cast<unsigned long>(file.size());
  if (!decoder || tjDecompressHeader3(decoder.get(), file.data(), size, &width, &height, &subsampling, &space) != 0) {
    return {};
  }
  const bool gray = space == TJCS_GRAY, inks = space == TJCS_CMYK || space == TJCS_YCCK;
  Image image(width, height, gray ? 1 : 3);
  // The library's defaults are what the standard asks for: exact transform, smooth upsampling of the chroma.
  const auto decode = [&](uint8_t* to, int format) {
    return tjDecompress2(decoder.get(), file.data(), size, to, width, 0, height, format, TJFLAG_LIMITSCANS) == 0;
  };
  if (!inks) {
    if (!decode(image.pixels.data(), gray ? TJPF_GRAY : TJPF_RGB)) return {};
    return image;
  }
  std::vector<uint8_t> cmyk(static_cast<size_t>(width) * static_cast<size_t>(height) * 4);
  if (!decode(cmyk.data(), TJPF_CMYK)) return {};
  cmyk_to_rgb(cmyk, image);
  return image;
}

}  // namespace kiln
