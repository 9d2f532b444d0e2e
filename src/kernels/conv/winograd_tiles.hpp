#pragma once

#include <cstdint>

#include "kernels/tile/tile.hpp"

namespace kiln {

/// The tiles of a Winograd convolution's output, in batches of nearly equal size.
struct WinogradTiles {
  struct Span {
    int64_t first, count;
  };
  struct Place {
    int64_t image, row, column;  ///< in tiles
  };
  /// At most `most` tiles in a batch, and a multiple of `parts` batches as far as there are tiles.
  WinogradTiles(int64_t images, int64_t rows, int64_t columns, int64_t most, int64_t parts);

  Span batch(int64_t index) const;
  Place place(int64_t tile) const;

  int64_t rows, columns;  ///< of an image
  int64_t count;
  int64_t largest, batches;  ///< the tiles of the largest batch
};

/// edge x edge pixels of a block of channels.
struct WinogradPixels {
  static constexpr int64_t most_edge = 11, copy_floats = most_edge * most_edge * 16;
  const float* from;
  int64_t row;  ///< floats from a row to the next
};
/// Those from (y, x) on: where they lie or, where some are outside the tensor and its halo, a copy in copy_floats
/// floats.
WinogradPixels winograd_pixels(const BlockedLayout& layout, const float* in, int64_t image, int64_t block, int64_t y,
                               int64_t x, int64_t edge, float* copy);

/// The pixels that tiles of a batch will read or write soon, to be prefetched piece by piece while products keep the
/// arithmetic busy and memory idle.
class WinogradAhead {
 public:
  /// In every tile `step` x `step` pixels of `data`, from (-top, -left) on.
  void add(const WinogradTiles& tiles, WinogradTiles::Span span, const BlockedLayout& layout, const float* data,
           int64_t step, int64_t top, int64_t left);
  /// Lines of 64 bytes, at most so many.
  int64_t lines() const { return lines_; }
  /// The next `lines` of them that lie together (fewer where a row of pixels ends); null after the last.
  const char* next(int64_t lines);

 private:
  struct Source {
    const WinogradTiles* tiles;
    WinogradTiles::Span span;
    const BlockedLayout* layout;
    const float* data;
    int64_t step, top, left;
  };
  /// Goes to the row after `row_`, or to the next tiles; false at the end.
  bool next_row();

  Source sources_[2];
  int64_t count_ = 0, lines_ = 0;
  int64_t source_ = 0, block_ = 0, tile_ = 0, row_ = -1;
  const float *at_ = nullptr, *end_ = nullptr;
};

/// What is left of an epilogue once the pixels of a tile are written to `a.out`, and the zeros of lanes without a
/// channel. `used`: lanes with one. Of `a`, the lines and pixels are to be set.
void finish_winograd_pixels(const TileTable& tiles, const EpiloguePlan& plan, TilePassArgs a, int64_t used);

/// For products of tiles, `plane` apart from block to block, that are summed over `ins` channels.
TileArgs winograd_products(int64_t lanes, int64_t ins, int64_t largest_batch);
/// Multiplies `count` tiles by the weights of `blocks` blocks of channels, of which the last may be half padding. Each
/// run of tiles prefetches a.prefetch_lines for each of its groups: from `ahead` if there is one, else from a.prefetch,
/// which passes on.
void multiply_winograd_tiles(const TileTable& tiles, TileArgs& a, int64_t blocks, bool half, int64_t count,
                             const float* inputs, float* products, WinogradAhead* ahead = nullptr);

}  // namespace kiln
