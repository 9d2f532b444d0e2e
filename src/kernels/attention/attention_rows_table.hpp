#pragma once

#include <cstdint>

#include "base/isa.hpp"

namespace kiln {

/// A query's scores for a run of keys, which become weights.
struct AttentionRowArgs {
  float* scores;       ///< readable and writable up to the register in which `end` lies
  int64_t begin, end;  ///< the keys that are seen; the weights of others are 0
  int64_t keys;        ///< of the run
  const float* mask;   ///< added to the scores; null for none
  float softcap;       ///< 0 for none
  bool first;          ///< nothing came before this run
  float* largest;      ///< of all scores so far; it is subtracted before the exponential
  float* sum;          ///< of all weights so far
  float* out;          ///< the sum of weighted values so far, rescaled when `largest` changes
  int64_t out_floats;  ///< of it, whole registers
};

/// A query against keys where they lie: scores[j] = scale q k[j].
struct AttentionScoreArgs {
  const float *q, *k;
  int64_t k_row, keys, size;
  float scale;
  float* scores;
};

/// The sum of values where they lie: out = (first ? 0 : out) + sum of weights[j] v[j], zeros to the register's end.
struct AttentionValueArgs {
  const float *weights, *v;
  int64_t v_row, keys, size;
  bool first;
  float* out;
};

/// What attention does to rows of numbers between its products, on one instruction set.
struct AttentionRowsTable {
  void (*weigh)(const AttentionRowArgs&);
  /// to = sums / sum; zeros where the sum of weights is 0.
  void (*finish)(const float* sums, float sum, int64_t count, float* to);
  void (*score)(const AttentionScoreArgs&);
  void (*add_values)(const AttentionValueArgs&);
};
const AttentionRowsTable& attention_rows_table(Isa isa);

}  // namespace kiln
