#include "ops/images/image.hpp"

#include <string_view>

#include "base/error.hpp"

namespace kiln {

Image::Image(int64_t width_, int64_t height_, int channels_) : width(width_), height(height_), channels(channels_) {
  constexpr int64_t limit = int64_t{1} << 27;
  if (width < 0 || height < 0 || (height > 0 && width > limit / height)) {
    fail(ErrorCode::limit_exceeded, "a picture of {} x {} pixels is larger than {} pixels", width, height, limit);
  }
  pixels.resize(static_cast<size_t>(width * height * channels));
}

std::optional<Image> decode_image(Bytes file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  using namespace std::string_view_literals;
  if (text.starts_with("\xff\xd8\xff"sv)) return decode_jpeg(file);
  if (text.starts_with("\x89PNG\r\n\x1a\n"sv)) return decode_png(file);
  if (text.starts_with("BM"sv)) return decode_bmp(file);
  if (text.starts_with("RIFF"sv) && text.size() > 12 && text.substr(8, 4) == "WEBP"sv) return decode_webp(file);
  if (text.starts_with("II*\0"sv) || text.starts_with("MM\0*"sv) || text.starts_with("II+\0"sv) ||
      text.starts_with("MM\0+"sv)) {
    return decode_tiff(file);
  }
  if (text.starts_with("\0\0\0\x0cjP  \r\n\x87\n"sv) || text.starts_with("\xff\x4f\xff\x51"sv)) {
    return decode_jpeg2000(file);
  }
  if (text.size() > 2 && text[0] == 'P' && text[1] >= '1' && text[1] <= '6') return decode_pnm(file);
  return {};
}

}  // namespace kiln
