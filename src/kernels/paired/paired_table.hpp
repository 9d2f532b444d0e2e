#pragma once

#include <cstdint>

#include "kernels/tile/tile.hpp"

namespace kiln {

/// Rows of A that are made ready lie tile by tile as [K / paired_chunk][row of the tile][paired_chunk]: in the order in
/// which they are read, and a fixed number of floats apart.
constexpr int64_t paired_chunk = 48;

/// A row of A made ready: scaled, and what its pairs add to a product that they should not.
struct PairedRowArgs {
  const float* from;
  int64_t run, step;  ///< it comes in runs of so many floats, so far apart
  int64_t depth;
  float* to;
  int64_t to_chunk;        ///< floats from a chunk to the next
  float *start, *unscale;  ///< that sum with the other sign; 1 / scale, a power of 2
};

/// One tile: C = (A B) unscaled + bias, for rows that were made ready and packed weights; or a part of K of one.
struct PairedTileArgs {
  const float* in;
  int64_t in_chunk, depth;  ///< floats from a chunk to the next
  const float* weights;     ///< [depth][blocks * lanes]
  const float *row_start, *row_unscale;
  const float *column_start, *column_unscale, *bias;
  float* out;
  const float* residual;        ///< laid out like out; null for none
  int64_t out_step, out_block;  ///< floats between rows, and between blocks of columns
  float low, high;
  const float* partial;    ///< [row][blocks * lanes]: sums to go on from in place of the starts; null for none
  float* sums;             ///< where the sums go as they are, as `partial` has them; null where C is made
  const char* prefetch;    ///< weights needed next, in lines of 64 bytes
  int64_t prefetch_lines;  ///< of them, for six floats of K
};
using PairedTile = void (*)(const PairedTileArgs&);

struct PairedTable {
  int lanes;
  int rows[TileTable::most_blocks + 1];  ///< the most rows of a tile of so many blocks; 0 where there are none
  void (*make_row)(const PairedRowArgs&);
  PairedTile tiles[TileTable::most_blocks + 1][TileTable::most_rows + 1];  ///< [blocks][rows]
};
const PairedTable& paired_table(Isa isa);

/// What six floats of K are: two pairs with two floats beside them that are multiplied in the usual way. The second
/// pair is taken with signs that let what the first one adds cancel.
///   (a0 + b1) (a1 + b0) = a0 b0 + a1 b1 + (a0 a1 + b0 b1)
///   (a3 - b4) (b3 - a4) = a3 b3 + a4 b4 - (a3 a4 + b3 b4)
/// The weights are packed as b1, b0, b2, -b4, b3, b5. What is left of K is multiplied in the usual way.
constexpr int64_t paired_step = 6;

/// The power of 2 nearest to a number, with an exponent of at most 60; 1 for 0 and what is no number.
float nearest_power_of_2(double x);

}  // namespace kiln
