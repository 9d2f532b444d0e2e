#include <algorithm>
#include <array>
#include <bit>

#include "images/numbers.hpp"

namespace kiln {

namespace {

enum Compression : uint32_t { uncompressed = 0, rle8 = 1, rle4 = 2, bit_fields = 3, alpha_bit_fields = 6 };

struct Header {
  int64_t width = 0, height = 0;
  bool top_down = false;
  uint32_t bits = 0;
  Compression compression = uncompressed;
  size_t pixels = 0;                ///< where they begin
  std::array<uint32_t, 3> masks{};  ///< of red, green and blue, for 16 and 32 bits
  std::vector<std::array<uint8_t, 3>> palette;
};

void read_palette(const Numbers& file, size_t begin, size_t entry, uint32_t used, Header& header) {
  const size_t all = size_t{1} << header.bits;
  const size_t count = used == 0 ? all : std::min<size_t>(used, all);
  header.palette.assign(all, {});
  for (size_t i = 0; i < count; ++i) {
    const size_t at = begin + i * entry;
    header.palette[i] = {static_cast<uint8_t>(file.u8(at + 2)), static_cast<uint8_t>(file.u8(at + 1)),
                         static_cast<uint8_t>(file.u8(at))};
  }
}

bool read_header(const Numbers& file, Header& header) {
  const size_t info = 14;
  const uint32_t size = file.u32(info);
  const bool core = size == 12;
  if (!core && (size < 40 || size > 1024)) return false;
  header.pixels = file.u32(10);
  header.width = core ? file.u16(info + 4) : file.i32(info + 4);
  header.height = core ? file.u16(info + 6) : file.i32(info + 8);
  header.bits = file.u16(info + (core ? 10 : 14));
  header.compression = core ? uncompressed : static_cast<Compression>(file.u32(info + 16));
  header.top_down = header.height < 0;
  header.height = std::abs(header.height);
  if (header.width <= 0 || header.height == 0) return false;
  size_t after = info + size;
  if (header.bits == 16) header.masks = {0x7c00, 0x3e0, 0x1f};
  if (header.bits == 32) header.masks = {0xff0000, 0xff00, 0xff};
  if (header.compression == bit_fields || header.compression == alpha_bit_fields) {
    for (size_t i = 0; i < 3; ++i) header.masks[i] = file.u32(info + 40 + 4 * i);
    // The short header is followed by the masks, the longer ones have them inside.
    if (size == 40) after += header.compression == bit_fields ? 12 : 16;
  }
  if (header.bits <= 8) read_palette(file, after, core ? 3 : 4, core ? 0 : file.u32(info + 32), header);
  switch (header.compression) {
    case uncompressed:
      return header.bits == 1 || header.bits == 4 || header.bits == 8 || header.bits == 16 || header.bits == 24 ||
             header.bits == 32;
    case rle8: return header.bits == 8;
    case rle4: return header.bits == 4;
    case bit_fields:
    case alpha_bit_fields: return header.bits == 16 || header.bits == 32;
  }
  return false;
}

/// The bits under a mask, scaled to 8 bits.
uint8_t masked(uint32_t value, uint32_t mask) {
  if (mask == 0) return 0;
  const uint32_t largest = mask >> std::countr_zero(mask);
  return static_cast<uint8_t>(static_cast<uint64_t>((value & mask) >> std::countr_zero(mask)) * 255 / largest);
}

bool read_plain(const Numbers& file, const Header& header, Image& image) {
  const size_t line = (static_cast<size_t>(header.width) * header.bits + 31) / 32 * 4;
  if (header.pixels > file.size() || line * static_cast<size_t>(header.height) > file.size() - header.pixels) {
    return false;
  }
  for (int64_t y = 0; y < header.height; ++y) {
    const size_t begin = header.pixels + static_cast<size_t>(header.top_down ? y : header.height - 1 - y) * line;
    uint8_t* to = image.row(y);
    for (size_t x = 0; x < static_cast<size_t>(header.width); ++x, to += 3) {
      if (header.bits <= 8) {
        const size_t bit = x * header.bits;
        const uint32_t index = file.u8(begin + bit / 8) >> (8 - header.bits - bit % 8) & ((1u << header.bits) - 1);
        std::copy_n(header.palette[index].begin(), 3, to);
      } else if (header.bits == 24) {
        for (size_t c = 0; c < 3; ++c) to[c] = static_cast<uint8_t>(file.u8(begin + 3 * x + 2 - c));
      } else {
        const uint32_t value = header.bits == 16 ? file.u16(begin + 2 * x) : file.u32(begin + 4 * x);
        for (size_t c = 0; c < 3; ++c) to[c] = masked(value, header.masks[c]);
      }
    }
  }
  return true;
}

/// Run lengths: (count, value) repeats, (0, 0) ends a line, (0, 1) the picture, (0, 2, x, y) moves, (0, n) copies n.
bool read_runs(const Numbers& file, const Header& header, Image& image) {
  const bool nibbles = header.compression == rle4;
  int64_t x = 0, y = 0;
  const auto put = [&](uint32_t index) {
    if (x < header.width && y < header.height) {
      std::copy_n(header.palette[index].begin(), 3, image.row(header.top_down ? y : header.height - 1 - y) + 3 * x);
    }
    ++x;
  };
  const auto half = [&](uint32_t byte, uint32_t i) { return nibbles ? (i % 2 == 0 ? byte >> 4 : byte & 15) : byte; };
  for (size_t at = header.pixels; at + 1 < file.size() && y < header.height; at += 2) {
    const uint32_t count = file.u8(at), value = file.u8(at + 1);
    if (count > 0) {
      for (uint32_t i = 0; i < count; ++i) put(half(value, i));
    } else if (value == 0) {
      x = 0;
      ++y;
    } else if (value == 1) {
      return true;
    } else if (value == 2) {
      x += file.u8(at + 2);
      y += file.u8(at + 3);
      at += 2;
    } else {
      for (uint32_t i = 0; i < value; ++i) put(half(file.u8(at + 2 + (nibbles ? i / 2 : i)), i));
      const size_t bytes = nibbles ? (value + 1) / 2 : value;
      at += (bytes + 1) / 2 * 2;
    }
  }
  return true;
}

}  // namespace

std::optional<Image> decode_bmp(Bytes file) {
  const Numbers numbers(file);
  Header header;
  if (!read_header(numbers, header)) return {};
  Image image(header.width, header.height, 3);
  const bool runs = header.compression == rle8 || header.compression == rle4;
  if (!(runs ? read_runs(numbers, header, image) : read_plain(numbers, header, image))) return {};
  return image;
}

}  // namespace kiln
