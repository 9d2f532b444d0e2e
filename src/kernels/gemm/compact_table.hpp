#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// Weights without what their exponents have in common. A panel of 64 columns has for each k two halves of 32, each:
/// 48 bytes of sixteen columns, 48 of sixteen more, and 16 bytes with the codes of their exponents, those of the first
/// sixteen in the lower four bits. The three bytes of a weight are its mantissa and, in the lowest bit, its sign.
constexpr int64_t compact_columns = 64, compact_half_bytes = 112, compact_step_bytes = 2 * compact_half_bytes;
constexpr int compact_codes = 16, compact_most_rows = 6;

/// Sums of `depth` products for some rows of A.
struct CompactArgs {
  const float* in;
  int64_t in_row;  ///< floats from a row to the next
  const unsigned char* weights;
  int64_t depth;
  const int32_t* exponents;  ///< of the sixteen codes, as floats have them
  float* sums;               ///< [row][compact_columns]
  bool goes_on;              ///< adds to the sums that are there
};
using CompactFunction = void (*)(const CompactArgs&);

struct CompactTable {
  int rows;                                      ///< the most rows at once
  CompactFunction tiles[compact_most_rows + 1];  ///< [rows]
};
const CompactTable& compact_table(Isa isa);

}  // namespace kiln
