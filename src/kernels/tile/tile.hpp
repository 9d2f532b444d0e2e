#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/epilogue.hpp"
#include "kernels/layout.hpp"

namespace kiln {

/// One tile: rows pixels (on one line, or on two) by some blocks of output channels, summed in registers over K; or
/// some tiles in a row.
///
/// K is walked in groups: runs of floats that lie together in the input of one pixel. All pixels of the tile read group
/// g at `offsets[g]` from their own place. The first `groups` groups have `length` floats, `tail_groups` more have
/// `tail_length`. Weights are [group][float of the group][blocks * lanes], read strictly in order but for what `skips`
/// leaves out.
struct TileArgs {
  const float* in;
  const ptrdiff_t* offsets;
  const int64_t* skips;  ///< floats of K left out before each group; null for none
  int64_t groups, length, tail_groups, tail_length;
  const float* weights;
  const float* bias;
  float* out;
  const float* residual;                  ///< laid out like out; null for none
  int64_t in_step, in_line;               ///< input floats from a pixel to the next; from the first line to the second
  int64_t out_step, out_block, out_line;  ///< output floats between pixels, channel blocks, lines
  float low, high;
  int64_t tiles = 1;       ///< each goes on where the one before ends
  const char* prefetch;    ///< weights needed next, in lines of 64 bytes
  int64_t prefetch_lines;  ///< of them, for each group
  const float* partial;    ///< sums to go on from, [row][blocks * lanes]; null for none, on two lines always
  int64_t partial_step;    ///< floats between its rows
};
using TileFunction = void (*)(const TileArgs&);

/// The rest of an epilogue on a tile that was just written: lines x pixels x blocks of lanes floats.
struct TilePassArgs {
  Activation activation;
  float alpha, beta;
  float* out;
  const float* residual;  ///< added after the activation; null for none
  int64_t lines, line_step, pixels, pixel_step, blocks, block_step;
};
using TilePassFunction = void (*)(const TilePassArgs&);

/// What one instruction set has for tiles.
struct TileTable {
  static constexpr int most_blocks = 4, most_rows = 28;

  Isa isa;
  int lanes;
  int blocks;                 ///< the largest number of blocks
  int rows[most_blocks + 1];  ///< the most rows of a tile of so many blocks
  int two_line_rows;          ///< the most rows of a tile of 2 blocks on two lines; 0 for none
  /// [stride][blocks][rows]; stride 0 is any, stride 1 is `lanes` floats from pixel to pixel.
  TileFunction tiles[2][most_blocks + 1][most_rows + 1];
  /// [blocks][rows]; stride as in 1, and the upper half of the last block is padding: not computed, but written as 0.
  /// Null where there are none.
  TileFunction halves[most_blocks + 1][most_rows + 1];
  TileFunction two_lines[8];  ///< [rows]; stride as in 1
  TilePassFunction pass;

  /// `half`: the upper half of the last block is padding.
  TileFunction find(int64_t in_step, int64_t of_blocks, int64_t of_rows, bool half = false) const {
    const bool dense = in_step == lanes;
    const TileFunction saving = half && dense ? halves[of_blocks][of_rows] : nullptr;
    return saving != nullptr ? saving : tiles[dense][of_blocks][of_rows];
  }
};
const TileTable& tile_table(Isa isa);

}  // namespace kiln
