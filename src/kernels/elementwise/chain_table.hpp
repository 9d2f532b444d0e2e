#pragma once

#include <cstdint>

#include "base/isa.hpp"
#include "kernels/elementwise/chain_opcode.hpp"

namespace kiln {

/// One step over a tile of rows x count elements. A fixed operand has the same for all elements of a row: one float,
/// or a register's worth where `per_lane`. Steps from row to row are in elements.
struct ChainArgs {
  const float *a, *b, *c;
  float* out;
  int64_t rows, count;
  int64_t a_row, b_row, c_row, out_row;
  float alpha, beta;
  bool per_lane;
};
using ChainFunction = void (*)(const ChainArgs&);

struct ChainTable {
  int lanes;
  ChainFunction run[chain_opcode_count][8];  ///< [opcode][bit 0 where a is fixed, 1 where b is, 2 where c is]
  ChainFunction from_bool;                   ///< bytes at a to 0.0 and 1.0
  ChainFunction to_bool;                     ///< to bytes at out
  /// Keeps the first `alpha` floats of each register's worth at a, and makes the others zero.
  ChainFunction keep_lanes;
};
const ChainTable& chain_table(Isa isa);

}  // namespace kiln
