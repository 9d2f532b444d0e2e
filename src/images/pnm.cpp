#include <algorithm>

#include "images/image.hpp"

namespace kiln {

namespace {

/// Reads the text of a PNM file: numbers, between white space and comments.
class Text {
 public:
  explicit Text(Bytes file) : left_(file) {}

  Bytes left() const { return left_; }
  void skip(size_t count) { left_ = left_.subspan(std::min(count, left_.size())); }

  /// The next number; nothing at the end, for one that is none, or above 2^30.
  std::optional<int64_t> number() {
    skip_space();
    std::optional<int64_t> value;
    for (; !left_.empty() && left_[0] >= '0' && left_[0] <= '9'; skip(1)) {
      value = value.value_or(0) * 10 + (left_[0] - '0');
      if (*value > 1 << 30) return {};
    }
    return value;
  }
  /// The next digit of a bitmap, whose digits need no space between them.
  std::optional<int64_t> bit() {
    skip_space();
    if (left_.empty() || (left_[0] != '0' && left_[0] != '1')) return {};
    const int64_t value = left_[0] - '0';
    skip(1);
    return value;
  }

 private:
  void skip_space() {
    while (!left_.empty()) {
      if (left_[0] == '#') {
        while (!left_.empty() && left_[0] != '\n' && left_[0] != '\r') skip(1);
      } else if (left_[0] == ' ' || (left_[0] >= '\t' && left_[0] <= '\r')) {
        skip(1);
      } else {
        return;
      }
    }
  }

  Bytes left_;
};

uint8_t scale(int64_t value, int64_t largest) {
  if (largest == 255) return static_cast<uint8_t>(std::min<int64_t>(value, 255));
  return static_cast<uint8_t>(std::min<int64_t>(255, (value * 255 * 2 + largest) / (2 * largest)));
}

bool read_text(Text& text, bool bitmap, int64_t largest, Image& image) {
  for (uint8_t& pixel : image.pixels) {
    const auto value = bitmap ? text.bit() : text.number();
    if (!value) return false;
    pixel = bitmap ? (*value ? 0 : 255) : scale(*value, largest);
  }
  return true;
}

bool read_bits(Bytes data, Image& image) {
  const auto line = static_cast<size_t>((image.width + 7) / 8);
  if (data.size() < line * static_cast<size_t>(image.height)) return false;
  for (int64_t y = 0; y < image.height; ++y) {
    const uint8_t* from = data.data() + static_cast<size_t>(y) * line;
    for (int64_t x = 0; x < image.width; ++x) image.row(y)[x] = from[x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
  }
  return true;
}

bool read_binary(Bytes data, int64_t largest, Image& image) {
  const size_t width = largest > 255 ? 2 : 1;
  if (data.size() < width * image.pixels.size()) return false;
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const int64_t value = width == 1 ? data[i] : data[2 * i] * 256 + data[2 * i + 1];
    image.pixels[i] = scale(value, largest);
  }
  return true;
}

}  // namespace

std::optional<Image> decode_pnm(Bytes file) {
  const int kind = file[1] - '0';
  const bool bitmap = kind == 1 || kind == 4, color = kind == 3 || kind == 6;
  Text text(file.subspan(2));
  const auto width = text.number(), height = text.number(),
             largest = bitmap ? std::optional<int64_t>(1) : text.number();
  if (!width || !height || !largest || *largest < 1 || *largest > 65535) return {};
  Image image(*width, *height, color ? 3 : 1);
  bool good = false;
  if (kind <= 3) {
    good = read_text(text, bitmap, *largest, image);
  } else {
    text.skip(1);
    good = bitmap ? read_bits(text.left(), image) : read_binary(text.left(), *largest, image);
  }
  return good ? std::optional(std::move(image)) : std::nullopt;
}

}  // namespace kiln
