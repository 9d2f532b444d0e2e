#pragma once

#include <vector>

#include "kernels/layout.hpp"
#include "kernels/paired/paired_table.hpp"
#include "kernels/tile/tile_walk.hpp"

namespace kiln {

/// A product of a matrix A and a constant matrix B in which two thirds of K are multiplied in pairs, by Winograd's
/// formula for inner products: one multiplication and two additions for two multiplications. A core that adds and
/// multiplies side by side (all of AMD's Zen) does six multiply-adds in the time of four. What the formula adds too
/// much, products of A's elements with each other and of B's, is summed for each row and column once. Rows of A (in the
/// run) and columns of B (when packed) are scaled by powers of 2 to the same size, so that errors are relative to the
/// norms of the row and the column: about twice those of the usual product where all elements are alike.
///
/// A's rows are pixels, so many on each line; a row comes in runs, so far apart (one for a row-major matrix, channel
/// blocks for a picture). All steps are in floats. Made by the kernels, which fill in the fields and call prepare().
class PairedWalk {
 public:
  Isa isa = Isa::portable;
  TileTuning tuning;  ///< blocks, rows, the tiles of a band, prefetch_weights, and channels_outer
  EpiloguePlan epilogue{Epilogue{}};
  int64_t images = 1, lines = 1, width = 1;
  int64_t columns = 1, depth = 1;
  int64_t in_first = 0, in_image = 0, in_line = 0, in_pixel = 0, in_run = 0, in_block = 0;
  int64_t out_image = 0, out_line = 0, out_pixel = 0, out_block = 0;
  bool row_major = false;  ///< columns past the last stay untouched, and are written as zeros otherwise

  static bool can_do(int64_t columns, int64_t depth) { return columns >= 16 && depth >= 48; }
  /// To be called once all fields above are set; fails with Error(unsupported) where there is nothing to gain.
  void prepare();

  struct Pointers {
    const float *in, *packed;
    float* out;
    const float* residual;
  };

  int64_t packed_floats() const { return columns_at_ + 3 * all_columns(); }
  /// As PackedGemm::pack().
  void pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return shared_floats_ + parts * part_floats_; }
  int64_t phases() const { return tuning.channels_outer ? 2 * turns_ : 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const Pointers& p, float* scratch) const;

 private:
  struct Panel {
    int64_t block, blocks, weights;
  };
  /// Rows that were made ready, from `first` on: their floats, and what is kept for each.
  struct Rows {
    float *at, *start, *unscale;
    int64_t first;
  };
  /// Rows of one line that are done at once.
  struct Tile {
    int64_t first, count;  ///< rows, counted through all lines and images
    int64_t line, x;       ///< where they begin
  };

  int64_t lanes() const { return table_->lanes; }
  int64_t blocks() const { return divide_up(columns, lanes()); }
  int64_t all_columns() const { return blocks() * lanes(); }
  int64_t all_rows() const { return images * lines * width; }
  int64_t rows_floats(int64_t rows) const;
  int64_t place_of(int64_t k) const;
  void pair_up(const Panel& panel, float* packed) const;
  Rows rows_in(float* scratch, int64_t first, int64_t count) const;
  int64_t all_tiles() const { return images * lines * line_tiles_; }
  Tile tile(int64_t index) const;
  void make_rows(const Tile& tile, const float* in, const Rows& rows) const;
  void run_panel(const Panel& panel, int64_t tile0, int64_t tile1, const Pointers& p, const Rows& rows,
                 float* sums) const;
  void place(const Panel& panel, const Tile& tile, const Pointers& p, const Rows& rows, PairedTileArgs& args) const;
  void write(const Panel& panel, PairedTileArgs& args, int64_t tile_rows) const;
  void set_turns();
  void run_turn(int64_t phase, int64_t part, int64_t parts, const Pointers& p, float* scratch) const;
  void run_bands(int64_t part, int64_t parts, const Pointers& p, float* scratch) const;

  const PairedTable* table_ = nullptr;
  const TileTable* tiles_ = nullptr;
  int64_t line_tiles_ = 0, band_ = 0, row_floats_ = 0, depth_parts_ = 1, shared_floats_ = 0, part_floats_ = 0,
          columns_at_ = 0;
  int64_t turns_ = 1, turn_rows_ = 0;  ///< with channels_outer: rows are done so many at a time
  std::vector<Panel> panels_;
};

}  // namespace kiln
