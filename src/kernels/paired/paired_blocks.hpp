#pragma once

#include <cstdint>

#include "kernels/paired/paired_table.hpp"

namespace kiln {

/// Products in pairs (paired_walk.hpp) of rows that lie in blocks of channels, one register each: K goes on `in_chunk`
/// floats further after each block. In a whole block some neighbours are multiplied in pairs, the rest and what is left
/// of K in the usual way.
struct PairedBlocksTable {
  /// Scales rows in place by powers of 2 to the size that the weights have, a power of 2 too, and sums their pairs.
  struct ReadyArgs {
    float* at;
    float size;
    int64_t rows, depth, step;  ///< floats from a block of a row to the next
    float *start, *unscale;     ///< of each row, as PairedTileArgs have them
  };

  int lanes;
  int rows[TileTable::most_blocks + 1];  ///< the most rows of a tile of so many blocks; 0 where there are none
  void (*make_ready)(const ReadyArgs&);
  /// [blocks][rows]; null where there is none, for which smaller ones do.
  PairedTile tiles[TileTable::most_blocks + 1][TileTable::most_rows + 1];

  /// The rows of the next tile where so many are left: an even share of them, as far as there is a tile for that.
  int64_t next_rows(int64_t blocks, int64_t left) const {
    int64_t count = divide_up(left, divide_up(left, rows[blocks]));
    while (tiles[blocks][count] == nullptr) --count;
    return count;
  }
};
const PairedBlocksTable& paired_blocks_table(Isa isa);

/// Of a block of so many lanes: the first of each pair, and those that are multiplied by themselves. Weights are packed
/// as triples of a pair and one lane, then the lanes left over; of each pair with its second weight first. Every second
/// pair is taken with signs that let what the one before adds cancel, and its first weight packed with the other sign.
template <int lanes>
struct PairedLanes;
template <>
struct PairedLanes<16> {
  static constexpr int pair_count = 5, single_count = 6;
  static constexpr int pairs[] = {0, 4, 6, 10, 12}, singles[] = {2, 3, 8, 9, 14, 15};
};
template <>
struct PairedLanes<8> {
  static constexpr int pair_count = 2, single_count = 4;
  static constexpr int pairs[] = {0, 4}, singles[] = {2, 3, 6, 7};
};

/// Whether a weight at this place is packed with the other sign; what place begins a pair.
bool paired_place_is_negative(int64_t lanes, int64_t depth, int64_t place);
bool paired_place_begins_pair(int64_t lanes, int64_t depth, int64_t place);
/// Where number k of K stands among packed weights.
int64_t paired_place(int64_t lanes, int64_t depth, int64_t k);
/// Scales the columns of weights [depth][wide] that were packed at those places and gives them their signs; `start` and
/// `unscale` are what PairedTileArgs want to know of each column.
void pair_up_blocks(int64_t lanes, int64_t depth, int64_t wide, float* weights, float* start, float* unscale);

}  // namespace kiln
