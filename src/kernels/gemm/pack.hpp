#pragma once

#include <cstdint>

namespace kiln {

/// to[j] = row[(first + j) b_column] for j in [0, wide), zeros from column `columns` on.
void pack_row(const float* row, int64_t b_column, int64_t columns, int64_t first, int64_t wide, float* to);
/// to[i][0 .. wide) = scale b[i][0 .. columns), zeros past `columns`; rows of b are b_row apart.
void pack_columns(const float* b, int64_t b_row, int64_t rows, int64_t columns, int64_t wide, float scale, float* to);
/// to[i][j] = scale b[j][i], for i in [0, rows) and j in [0, columns), zeros for j in [columns, wide).
void pack_transposed(const float* b, int64_t b_row, int64_t rows, int64_t columns, int64_t wide, float scale,
                     float* to);

}  // namespace kiln
