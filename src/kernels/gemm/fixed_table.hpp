#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// Weights as whole numbers of 24 bits, with a factor for each column. A panel of 64 columns has for each k three bytes
/// a column, the lowest first.
constexpr int64_t fixed_columns = 64, fixed_step_bytes = 3 * fixed_columns;
constexpr int fixed_most_rows = 6;

/// Sums of `depth` products for some rows of A, of weights over 2^23.
struct FixedArgs {
  const float* in;
  int64_t in_row;  ///< floats from a row to the next
  const unsigned char* weights;
  int64_t depth;
  float* sums;   ///< [row][fixed_columns]
  bool goes_on;  ///< adds to the sums that are there
};
using FixedFunction = void (*)(const FixedArgs&);

struct FixedTable {
  int rows;                                  ///< the most rows at once
  FixedFunction tiles[fixed_most_rows + 1];  ///< [rows]
};
const FixedTable& fixed_table(Isa isa);

}  // namespace kiln
