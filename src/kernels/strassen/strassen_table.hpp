#pragma once

#include <cstdint>

#include "kernels/tile/tile.hpp"

namespace kiln {

/// A row of each quarter of a matrix, and of the sums of quarters that products are made of. `low` and `low_right` may
/// be null, which are zeros.
struct QuarterSumArgs {
  const float *high, *high_right, *low, *low_right;
  float *s1, *s2, *s3, *s4;  ///< low + low_right, s1 - high, high - low, high_right - s2
  int64_t count;             ///< a multiple of the lanes
};

/// A tile (TileArgs) with weights that are differences, which it also writes for the tiles after it. Its sums go on
/// from `partial` or from 0, K has no tail, and there is no epilogue.
struct DifferenceTileArgs {
  TileArgs tile;
  const float* minus;  ///< subtracted from the weights
  float* differences;  ///< may be the weights or `minus`
};
using DifferenceTile = void (*)(const DifferenceTileArgs&);

struct StrassenTable {
  void (*sum_quarters)(const QuarterSumArgs&);
  /// to = a - b; `count` is a multiple of the lanes. `to` may be either.
  void (*subtract)(const float* a, const float* b, float* to, int64_t count);
  /// [blocks][rows]; null where there is none. A tile has at most as many rows as one of TileTable.
  DifferenceTile tiles[TileTable::most_blocks + 1][TileTable::most_rows + 1];
};
const StrassenTable& strassen_table(Isa isa);

}  // namespace kiln
