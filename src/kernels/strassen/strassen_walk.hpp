#pragma once

#include <span>
#include <vector>

#include "kernels/layout.hpp"
#include "kernels/strassen/strassen_table.hpp"
#include "kernels/tile/tile_walk.hpp"

namespace kiln {

/// A product of a matrix A and a constant matrix B, row-major both, by one step of Winograd's form of Strassen's
/// algorithm: A, B and C are cut into quarters, and seven products of quarters and of their sums do the work
/// of eight. Packed are the left quarters of B, what the upper right one has more than the upper left one, and the
/// lower right one: other sums are made of these in the run, a panel's at a time, and so are those of A's quarters.
/// Sums of products are made where tiles are written. Errors are relative to the largest elements of a row and of the
/// one half the rows away from it, not to those of the row alone.
///
/// Rows too few to be worth it are multiplied in the usual way with the same packed weights. All steps are in floats.
/// Made by a kernel, which fills in the fields and calls prepare().
class StrassenWalk {
 public:
  Isa isa = Isa::portable;
  /// Blocks, rows, the tiles of a band, prefetch_weights, and channels_outer.
  TileTuning tuning;
  EpiloguePlan epilogue{Epilogue{}};
  int64_t rows = 0, columns = 1;      ///< of C
  int64_t depth = 0;                  ///< K
  int64_t in_step = 0, out_step = 0;  ///< from a row of A to the next, and of C

  /// So few rows are multiplied in the usual way.
  static constexpr int64_t least_rows = 24;

  static bool can_do(int64_t columns, int64_t depth) { return columns >= 64 && depth >= 64; }
  /// To be called once all fields above are set; fails with Error(unsupported) where there is nothing to gain.
  void prepare();

  struct Pointers {
    const float *in, *packed;
    float* out;
    const float* residual;
  };

  int64_t packed_floats() const { return bias_at_ + 2 * half_blocks_ * lanes(); }
  /// As PackedGemm::pack().
  void pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return shared_floats_ + parts * part_floats_; }
  int64_t phases() const { return shared_floats_ != 0 ? 2 : 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const Pointers& p, float* scratch) const;

 private:
  /// Columns of the left half, with those of the right half.
  struct Panel {
    int64_t block, blocks, weights;
  };
  /// The sums of A's quarters for rows from `first` on.
  struct Sums {
    float* at;
    int64_t first;
  };
  /// What is multiplied: a sum of quarters, or where `sum` is 0 a quarter.
  struct Factor {
    int sum;
    bool low;
    const ptrdiff_t* offsets;
    int64_t groups;
    const float* weights;
    std::span<const float> next;   ///< weights that should come from memory meanwhile
    const float* minus = nullptr;  ///< subtracted from the weights
    float* differences = nullptr;  ///< where what comes of that goes
  };
  /// The packed weights of a panel, in the order in which they are used. Those of the lower quarters have the tail's
  /// behind them.
  enum Weights : int { upper_left, lower_left, upper_more, lower_right, weights_count };
  struct Band;

  int64_t lanes() const { return table_->lanes; }
  void pack_panel(const Panel& panel, const float* b, int64_t b_row, int64_t b_column, float* packed) const;
  int64_t weights_at(const Panel& panel, int which) const;
  std::span<const float> next_weights(const Band& band, int64_t product) const;
  void set_depth();
  void sum_quarters(int64_t row0, int64_t row1, const float* in, const Sums& sums) const;
  void run_bands(const Panel& panel, int64_t row0, int64_t row1, const Pointers& p, const Sums& sums,
                 float* buffers) const;
  void run_band(const Band& band) const;
  TileArgs tile_args(const Band& band, const Factor& factor) const;
  template <class Body>
  void each_tile(const Band& band, const Factor& factor, bool low, Body&& body) const;
  void multiply(const Band& band, const Factor& factor, const float* partial, float* to) const;
  void finish(const Band& band, const Factor& factor, const float* partial, bool low, bool right) const;
  void write(const Band& band, TileArgs& args, int64_t tile_rows, int64_t used) const;
  void add(const Band& band, const float* what, float* to) const;

  const TileTable* table_ = nullptr;
  const StrassenTable* strassen_ = nullptr;
  bool quartered_ = false;
  int64_t high_rows_ = 0;                      ///< of the upper half
  int64_t half_blocks_ = 0;                    ///< blocks of columns of the left half
  int64_t group_ = 0, groups_ = 0, tail_ = 0;  ///< K = (2 groups) group + tail
  int64_t band_rows_ = 0, sums_rows_ = 0;      ///< at most; for which there is space
  int64_t sums_row_ = 0, sums_matrix_ = 0;
  int64_t shared_floats_ = 0, part_floats_ = 0, bias_at_ = 0;
  std::vector<ptrdiff_t> offsets_;  ///< of the groups of K, in a row of A and of its quarters' sums
  std::vector<Panel> panels_;
};

}  // namespace kiln
