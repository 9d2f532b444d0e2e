#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace kiln::vision {

/// Pixels that lie elsewhere: red, green and blue side by side, rows `stride` bytes apart.
struct PictureView {
  const uint8_t* pixels = nullptr;
  int64_t width = 0, height = 0;
  int64_t stride = 0;

  const uint8_t* row(int64_t y) const { return pixels + y * stride; }
  /// A part of it, which must lie inside.
  PictureView part(int64_t x, int64_t y, int64_t part_width, int64_t part_height) const;
};

/// A picture in memory: rows from the top, a byte each of red, green and blue.
class Picture {
 public:
  Picture() = default;
  /// A black picture. Fails with limit_exceeded above 2^27 pixels.
  Picture(int64_t width, int64_t height);
  /// Takes 3 * width * height bytes.
  Picture(int64_t width, int64_t height, std::vector<uint8_t> pixels);
  /// A picture whose pixels are all still to be written.
  static Picture unwritten(int64_t width, int64_t height);
  Picture(const Picture& other);
  Picture(Picture&& other) noexcept;
  Picture& operator=(const Picture& other);
  Picture& operator=(Picture&& other) noexcept;
  ~Picture() = default;

  /// Decodes JPEG, PNG, WebP, BMP, TIFF, JPEG 2000 or PNM, told apart by their first bytes, and turns the picture as
  /// its EXIF data ask for. Gray, inks, palettes and 16 bits become 8-bit RGB, alpha is dropped, what is animated gives
  /// its first picture. Fails with invalid_data for what is none of these or damaged, and with limit_exceeded for what
  /// claims more than 2^27 pixels.
  static Picture decode(std::span<const uint8_t> file);
  static Picture load(const std::string& path);
  /// Copies what a view shows.
  explicit Picture(const PictureView& view);

  int64_t width() const { return width_; }
  int64_t height() const { return height_; }
  const uint8_t* row(int64_t y) const { return pixels_.get() + y * width_ * 3; }
  uint8_t* row(int64_t y) { return pixels_.get() + y * width_ * 3; }
  std::span<const uint8_t> pixels() const { return {pixels_.get(), static_cast<size_t>(3 * width_ * height_)}; }
  operator PictureView() const { return {pixels_.get(), width_, height_, width_ * 3}; }

  std::vector<uint8_t> to_png() const;
  /// `quality` from 1 to 100.
  std::vector<uint8_t> to_jpeg(int quality = 90) const;
  /// As PNG or JPEG, as the name's ending says.
  void save(const std::string& path) const;

 private:
  int64_t width_ = 0, height_ = 0;
  std::shared_ptr<uint8_t[]> pixels_;  ///< of this picture alone
};

}  // namespace kiln::vision
