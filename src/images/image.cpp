#include "images/image.hpp"

#include <string_view>

#include "base/error.hpp"

namespace kiln {

KnobList image_knobs() {
  static KnobBase* const knobs[] = {&max_pixels};
  return knobs;
}

void require_image_size(int64_t width, int64_t height) {
  const int64_t limit = max_pixels.get();
  if (width < 0 || height < 0 || (height > 0 && width > limit / height)) {
    fail(ErrorCode::limit_exceeded, "a picture of {} x {} pixels is larger than {} pixels (knob {})", width, height,
         limit, max_pixels.name());
  }
}

Image::Image(int64_t width_, int64_t height_, int channels_) : width(width_), height(height_), channels(channels_) {
  require_image_size(width, height);
  pixels.resize(static_cast<size_t>(width * height * channels));
}

ImageFormat image_format(Bytes file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  using namespace std::string_view_literals;
  if (text.starts_with("\xff\xd8\xff"sv)) return ImageFormat::jpeg;
  if (text.starts_with("\x89PNG\r\n\x1a\n"sv)) return ImageFormat::png;
  if (text.starts_with("BM"sv)) return ImageFormat::bmp;
  if (text.starts_with("RIFF"sv) && text.size() > 12 && text.substr(8, 4) == "WEBP"sv) return ImageFormat::webp;
  if (text.starts_with("II*\0"sv) || text.starts_with("MM\0*"sv) || text.starts_with("II+\0"sv) ||
      text.starts_with("MM\0+"sv)) {
    return ImageFormat::tiff;
  }
  if (text.starts_with("\0\0\0\x0cjP  \r\n\x87\n"sv) || text.starts_with("\xff\x4f\xff\x51"sv)) {
    return ImageFormat::jpeg2000;
  }
  if (text.size() > 2 && text[0] == 'P' && text[1] >= '1' && text[1] <= '6') return ImageFormat::pnm;
  return ImageFormat::unknown;
}

std::string_view image_format_name(ImageFormat format) {
  switch (format) {
    case ImageFormat::unknown: break;
    case ImageFormat::bmp: return "BMP";
    case ImageFormat::jpeg: return "JPEG";
    case ImageFormat::jpeg2000: return "JPEG 2000";
    case ImageFormat::png: return "PNG";
    case ImageFormat::pnm: return "PNM";
    case ImageFormat::tiff: return "TIFF";
    case ImageFormat::webp: return "WebP";
  }
  return "unknown";
}

std::optional<Image> decode_image(Bytes file) {
  switch (image_format(file)) {
    case ImageFormat::unknown: return {};
    case ImageFormat::bmp: return decode_bmp(file);
    case ImageFormat::jpeg: return decode_jpeg(file);
    case ImageFormat::jpeg2000: return decode_jpeg2000(file);
    case ImageFormat::png: return decode_png(file);
    case ImageFormat::pnm: return decode_pnm(file);
    case ImageFormat::tiff: return decode_tiff(file);
    case ImageFormat::webp: return decode_webp(file);
  }
  return {};
}

}  // namespace kiln
