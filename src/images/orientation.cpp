#include "images/orientation.hpp"

#include <algorithm>
#include <string_view>

#include "images/numbers.hpp"
#include "images/riff.hpp"

namespace kiln {

namespace {

std::string_view as_text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

/// The tag Orientation in the first directory of what is a small TIFF file.
int orientation_in(Bytes tiff) {
  if (as_text(tiff).starts_with(std::string_view("Exif\0\0", 6))) tiff = tiff.subspan(6);
  const bool little = as_text(tiff).starts_with("II");
  if (!little && !as_text(tiff).starts_with("MM")) return 1;
  const Numbers numbers(tiff, little ? std::endian::little : std::endian::big);
  const size_t directory = numbers.u32(4), entries = numbers.u16(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (entry + 12 > tiff.size()) break;
    constexpr uint32_t orientation_tag = 0x112;
    if (numbers.u16(entry) != orientation_tag) continue;
    const uint32_t value = numbers.u16(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

int of_jpeg(Bytes file) {
  const Numbers numbers(file, std::endian::big);
  for (size_t at = 2; at + 4 <= file.size() && file[at] == 0xff;) {
    const uint32_t marker = file[at + 1];
    if (marker == 0xff) {
      ++at;
      continue;
    }
    constexpr uint32_t app1 = 0xe1, start_of_scan = 0xda;
    const size_t length = numbers.u16(at + 2);
    if (marker == start_of_scan || length < 2 || length > file.size() - at - 2) break;
    const Bytes segment = file.subspan(at + 4, length - 2);
    if (marker == app1 && as_text(segment).starts_with("Exif")) return orientation_in(segment);
    at += 2 + length;
  }
  return 1;
}

int of_png(Bytes file) {
  const Numbers numbers(file, std::endian::big);
  for (size_t at = 8; at + 12 <= file.size();) {
    const size_t length = numbers.u32(at);
    if (length > file.size() - at - 12) break;
    if (as_text(file).substr(at + 4, 4) == "eXIf") return orientation_in(file.subspan(at + 8, length));
    at += 12 + length;
  }
  return 1;
}

int of_webp(Bytes file) {
  for (Bytes chunks = file.subspan(12); const auto chunk = take_chunk(chunks);) {
    if (chunk->name == "EXIF") return orientation_in(chunk->content);
  }
  return 1;
}

}  // namespace

int exif_orientation(Bytes file) {
  switch (image_format(file)) {
    case ImageFormat::jpeg: return of_jpeg(file);
    case ImageFormat::png: return of_png(file);
    case ImageFormat::webp: return of_webp(file);
    default: return 1;
  }
}

Image upright(Image image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  // The stored rows run down, up, or (5 to 8) across the picture that is to be seen.
  const bool across = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image turned(across ? image.height : image.width, across ? image.width : image.height, image.channels);
  for (int64_t y = 0; y < turned.height; ++y) {
    for (int64_t x = 0; x < turned.width; ++x) {
      int64_t column = across ? y : x, row = across ? x : y;
      if (from_right) column = image.width - 1 - column;
      if (from_below) row = image.height - 1 - row;
      std::copy_n(image.row(row) + column * image.channels, image.channels, turned.row(y) + x * image.channels);
    }
  }
  return turned;
}

}  // namespace kiln
