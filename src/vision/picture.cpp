#include "kiln/vision/picture.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/safe_open.hpp"
#include "images/image.hpp"
#include "images/orientation.hpp"

namespace kiln::vision {

namespace {

std::string first_bytes(std::span<const uint8_t> file) {
  std::string text;
  for (const uint8_t byte : file.first(std::min<size_t>(file.size(), 8))) {
    text += fmt::format("{}{:02x}", text.empty() ? "" : " ", byte);
  }
  return text;
}

std::vector<uint8_t> in_colour(Image image) {
  if (image.channels == 3) return std::move(image.pixels);
  std::vector<uint8_t> pixels(image.pixels.size() * 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) std::fill_n(&pixels[3 * i], 3, image.pixels[i]);
  return pixels;
}

}  // namespace

PictureView PictureView::part(int64_t x, int64_t y, int64_t part_width, int64_t part_height) const {
  if (x < 0 || y < 0 || part_width < 0 || part_height < 0 || x > width - part_width || y > height - part_height) {
    fail(ErrorCode::invalid_argument, "a part of {} x {} pixels at {}, {} does not lie in a picture of {} x {}",
         part_width, part_height, x, y, width, height);
  }
  return {row(y) + 3 * x, part_width, part_height, stride};
}

Picture::Picture(int64_t width, int64_t height) : Picture(unwritten(width, height)) {
  std::fill_n(pixels_.get(), pixels().size(), uint8_t{0});
}

Picture::Picture(int64_t width, int64_t height, std::vector<uint8_t> pixels) : width_(width), height_(height) {
  require_image_size(width, height);
  if (static_cast<uint64_t>(width * height * 3) != pixels.size()) {
    fail(ErrorCode::invalid_argument, "a picture of {} x {} pixels was given {} bytes, expected 3 for each pixel",
         width, height, pixels.size());
  }
  const auto owner = std::make_shared<std::vector<uint8_t>>(std::move(pixels));
  pixels_ = std::shared_ptr<uint8_t[]>(owner, owner->data());
}

Picture Picture::unwritten(int64_t width, int64_t height) {
  require_image_size(width, height);
  Picture picture;
  picture.width_ = width;
  picture.height_ = height;
  picture.pixels_ = std::make_shared_for_overwrite<uint8_t[]>(static_cast<size_t>(3 * width * height));
  return picture;
}

Picture::Picture(const PictureView& view) : Picture(unwritten(view.width, view.height)) {
  for (int64_t y = 0; y < height_; ++y) std::copy_n(view.row(y), 3 * width_, row(y));
}

Picture::Picture(const Picture& other) : Picture(static_cast<PictureView>(other)) {}

Picture::Picture(Picture&& other) noexcept
    : width_(std::exchange(other.width_, 0)),
      height_(std::exchange(other.height_, 0)),
      pixels_(std::move(other.pixels_)) {}

Picture& Picture::operator=(const Picture& other) { return *this = Picture(other); }

Picture& Picture::operator=(Picture&& other) noexcept {
  width_ = std::exchange(other.width_, 0);
  height_ = std::exchange(other.height_, 0);
  pixels_ = std::move(other.pixels_);
  return *this;
}

Picture Picture::decode(std::span<const uint8_t> file) {
  if (file.empty()) fail(ErrorCode::invalid_data, "the file is empty, expected a picture");
  const ImageFormat format = image_format(file);
  if (format == ImageFormat::unknown) {
    fail(ErrorCode::invalid_data,
         "is no picture that can be read: it begins with the bytes {}, expected JPEG, PNG, WebP, BMP, TIFF, JPEG 2000 "
         "or PNM",
         first_bytes(file));
  }
  std::optional<Image> image = decode_image(file);
  if (!image) {
    fail(ErrorCode::invalid_data, "is a {} picture that is damaged, cut off or of a kind that cannot be read",
         image_format_name(format));
  }
  if (image->width == 0 || image->height == 0) {
    fail(ErrorCode::invalid_data, "is a {} picture without pixels", image_format_name(format));
  }
  Image turned = upright(std::move(*image), exif_orientation(file));
  const int64_t width = turned.width, height = turned.height;
  return {width, height, in_colour(std::move(turned))};
}

Picture Picture::load(const std::string& path) {
  const std::vector<std::byte> file = read_file(path);
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  return with_place([&] { return decode(bytes); }, [&] { return path; });
}

}  // namespace kiln::vision
