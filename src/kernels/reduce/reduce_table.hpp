#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// What is gathered of the numbers x: their sum, that of |x|, x^2 or e^(x - shift), their product, the greatest (NaN if
/// one is), the least.
enum class Fold : uint8_t { sum, magnitudes, squares, exponentials, product, max, min };
constexpr int fold_count = 7;

struct ReduceTable {
  static constexpr int column_vectors = 4;  ///< registers side by side that the functions for columns do at once

  static constexpr int most_best_columns = 64;

  int lanes;
  double (*fold_row[fold_count])(const float* in, int64_t n, float shift);
  /// Joins n rows of `width` numbers, at most column_vectors registers full, that lie `step` apart, to the totals.
  void (*fold_columns[fold_count])(const float* in, int64_t n, int64_t step, int64_t width, const float* shifts,
                                   float* totals);
  /// The first (or last) index of the greatest (or least) number; -1 where a NaN is among them. [least][last]
  int64_t (*best_of_row[2][2])(const float* in, int64_t n);
  /// The same for each of `width` columns, the indices as floats in room for most_best_columns; false where a NaN is
  /// among them.
  bool (*best_of_columns[2][2])(const float* in, int64_t n, int64_t step, int64_t width, float* indices);
  /// A multiple of registers from `begin` on where a number above (below) the limit or a NaN may be; n if none. [below]
  int64_t (*next_beyond[2])(const float* in, int64_t begin, int64_t n, float limit);
};
const ReduceTable& reduce_table(Isa isa);

}  // namespace kiln
