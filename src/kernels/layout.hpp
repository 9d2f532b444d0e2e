#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// Floats in a channel block of the blocked layouts that an instruction set works in.
constexpr int64_t block_of(Isa isa) { return isa == Isa::avx512 ? 16 : 8; }

/// Pixels around an image: rows above and below it, and columns on each side.
struct Halo {
  constexpr Halo() = default;
  constexpr Halo(int64_t all) : h(all), w(all) {}
  constexpr Halo(int64_t rows, int64_t columns) : h(rows), w(columns) {}

  int64_t h = 0, w = 0;
  bool operator==(const Halo&) const = default;
};
/// What covers both.
constexpr Halo larger(const Halo& a, const Halo& b) { return {a.h < b.h ? b.h : a.h, a.w < b.w ? b.w : a.w}; }

/// Blocked activations: [n][c / block][h + 2 halo.h][w + 2 halo.w][block]. Channels past c and the halo are zero:
/// whoever writes the tensor writes them too. A tensor is a pointer to its first float and this.
struct BlockedLayout {
  int64_t n = 1, c = 1, h = 1, w = 1;
  int64_t block = 16;
  Halo halo;
  int64_t image_blocks = 0;  ///< channel blocks from one image to the next, for a view into a wider tensor; 0: its own
  /// Rows from one channel block to the next, for a view of some rows of a taller tensor; 0: its own. What lies above
  /// and below the view then belongs to others: who writes the view writes the halo beside its rows alone.
  int64_t lines = 0;

  int64_t blocks() const { return (c + block - 1) / block; }
  int64_t pixel_stride() const { return block; }
  int64_t row_stride() const { return (w + 2 * halo.w) * block; }
  int64_t block_stride() const { return (lines != 0 ? lines : h + 2 * halo.h) * row_stride(); }
  int64_t image_stride() const { return (image_blocks != 0 ? image_blocks : blocks()) * block_stride(); }
  int64_t floats() const { return n * image_stride(); }
  /// Where the block of channels lies at a pixel, which may be in the halo.
  int64_t offset(int64_t image, int64_t channel_block, int64_t y, int64_t x) const {
    return image * image_stride() + channel_block * block_stride() + (y + halo.h) * row_stride() + (x + halo.w) * block;
  }
  bool operator==(const BlockedLayout&) const = default;
};

/// Fails with what is wrong unless the numbers make sense and their products fit.
void check_layout(const BlockedLayout& layout, const char* what);

/// What the parts of a kernel divide among themselves. What is around the pixels that a part writes had better be
/// written by the same part, since it is in its cache then.
enum class Share : uint8_t { blocks, rows };

/// Writes zeros to part `part` of `parts` of the tensor's halo.
void clear_halo(const BlockedLayout& layout, float* data, int64_t part, int64_t parts, Share share = Share::blocks);

/// The items [begin, end) of `count` that part `part` of `parts` does.
struct PartRange {
  int64_t begin, end;
};
constexpr PartRange part_range(int64_t count, int64_t part, int64_t parts) {
  return {count * part / parts, count * (part + 1) / parts};
}

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
/// So many floats, and as many more as fill their last cache line.
constexpr int64_t whole_lines(int64_t floats) { return divide_up(floats, 16) * 16; }

}  // namespace kiln
