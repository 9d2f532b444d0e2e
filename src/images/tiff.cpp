#include <tiffio.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "images/image.hpp"
#include "images/orientation.hpp"

namespace kiln {

namespace {

/// The file in memory, as libtiff reads it.
struct Source {
  Bytes file;
  toff_t at = 0;
};

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  auto* source = static_cast<Source*>(handle);
  const auto size = static_cast<toff_t>(source->file.size());
  const auto available = static_cast<tmsize_t>(size - std::min(source->at, size));
  count = std::clamp<tmsize_t>(count, 0, available);
  std::memcpy(to, source->file.data() + std::min(source->at, size), static_cast<size_t>(count));
  source->at += static_cast<toff_t>(count);
  return count;
}

tmsize_t write_bytes(thandle_t, void*, tmsize_t) { return 0; }

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto* source = static_cast<Source*>(handle);
  if (whence == SEEK_CUR) offset += source->at;
  if (whence == SEEK_END) offset += static_cast<toff_t>(source->file.size());
  return source->at = offset;
}

int close(thandle_t) { return 0; }
toff_t size(thandle_t handle) { return static_cast<toff_t>(static_cast<Source*>(handle)->file.size()); }
int silence(TIFF*, void*, const char*, const char*, va_list) { return 1; }

}  // namespace

std::optional<Image> decode_tiff(Bytes file) {
  Source source{file};
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), tmsize_t{1} << 30);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), silence, nullptr);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), silence, nullptr);
  const std::unique_ptr<TIFF, void (*)(TIFF*)> tiff(
      TIFFClientOpenExt("", "rm", &source, read_bytes, write_bytes, seek, close, size, nullptr, nullptr, options.get()),
      TIFFClose);
  uint32_t width = 0, height = 0;
  if (!tiff || !TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width) ||
      !TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height)) {
    return {};
  }
  uint16_t extra = 0;
  const uint16_t* kinds = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds) && extra > 0 &&
      kinds[0] == EXTRASAMPLE_UNASSALPHA) {
    // Called associated, alpha is not multiplied into the colors; it is dropped below.
    std::vector<uint16_t> associated(kinds, kinds + extra);
    associated[0] = EXTRASAMPLE_ASSOCALPHA;
    TIFFSetField(tiff.get(), TIFFTAG_EXTRASAMPLES, extra, associated.data());
  }
  // libtiff would mirror, but not turn: it gets an upright picture, and upright() does both.
  uint16_t orientation = ORIENTATION_TOPLEFT;
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ORIENTATION, &orientation);
  TIFFSetField(tiff.get(), TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  Image image(width, height, 3);
  std::vector<uint32_t> colors(static_cast<size_t>(width) * height);
  if (!TIFFReadRGBAImageOriented(tiff.get(), width, height, colors.data(), ORIENTATION_TOPLEFT, 1)) return {};
  for (size_t i = 0; i < colors.size(); ++i) {
    image.pixels[3 * i] = TIFFGetR(colors[i]);
    image.pixels[3 * i + 1] = TIFFGetG(colors[i]);
    image.pixels[3 * i + 2] = TIFFGetB(colors[i]);
  }
  return upright(std::move(image), orientation);
}

}  // namespace kiln
