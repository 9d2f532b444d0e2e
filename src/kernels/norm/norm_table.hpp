#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// Rows of n numbers that lie one after the other.
struct LayerNormArgs {
  const float* x;
  const float* residual;  ///< added to x first; null for none
  const float* scale;     ///< n numbers, as many in bias; null for none
  const float* bias;
  float* out;
  float* sum;  ///< x + residual is written here too; null for no
  int64_t rows, n;
  float epsilon;
};

/// A block of channels of a blocked image; mean and its like hold a number for each lane.
struct BlockNormArgs {
  const float* in;
  float* out;
  int64_t rows, columns, in_row, out_row;
  const float *mean, *factor, *shift;
};

/// A row of pixels of a block of channels, each divided by what it and its neighbouring channels make.
struct LocalResponseArgs {
  const float *before, *in, *after;  ///< the block and those beside it; null for none
  float* out;
  int64_t pixels;
  int64_t reach_before, reach_after;  ///< neighbours on each side, at most as many as a block has
  float alpha, bias;
  int quarters;  ///< of the power: 2, 3 or 4
};

struct Deviations {
  double mean, squares;
};

struct NormTable {
  static constexpr int64_t column_vectors = 4;  ///< registers side by side that softmax_columns does at once

  int lanes;
  void (*softmax_rows[2])(const float* in, float* out, int64_t rows, int64_t n);  ///< [log]
  /// n rows of `width` numbers, at most column_vectors registers full, that lie `step` apart.
  void (*softmax_columns[2])(const float* in, float* out, int64_t n, int64_t step, int64_t width);
  void (*layer_norm)(const LayerNormArgs&);
  void (*rms_norm)(const LayerNormArgs&);
  /// Writes the means of the lanes, then the sums of squares of what differs from them.
  void (*block_deviations)(const BlockNormArgs&, float* statistics);
  /// (in - mean) * factor + shift
  void (*block_affine)(const BlockNormArgs&);
  /// in / (bias + alpha * sum of squares)^(quarters / 4)
  void (*local_response)(const LocalResponseArgs&);
  Deviations (*deviations)(const float* in, int64_t n);
  void (*affine)(const float* in, float* out, int64_t n, float mean, float factor, float shift);
};
const NormTable& norm_table(Isa isa);

}  // namespace kiln
