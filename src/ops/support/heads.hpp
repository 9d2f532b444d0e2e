#pragma once

#include <cmath>

#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/support/widen.hpp"

namespace kiln::ops {

/// Where the vectors of a tensor lie that is [batch, heads, length, size], or packed [batch, length, heads * size].
struct HeadLayout {
  int64_t batch, heads, length, size;
  int64_t batch_stride, head_stride, row_stride;

  int64_t at(int64_t b, int64_t h, int64_t row) const { return b * batch_stride + h * head_stride + row * row_stride; }
  int64_t rows() const { return batch * heads * length; }
  /// The same vectors, not packed.
  Shape unpacked() const { return {batch, heads, length, size}; }
};

/// `heads` is asked only where the shape is packed; fails, naming `what`, for other ranks and indivisible sizes.
HeadLayout head_layout(const Shape& shape, int64_t heads, const char* what);

/// The same for a shape that may hold symbols.
struct HeadDims {
  Dim batch, heads, length, size;
};
HeadDims head_dims(const SymShape& shape, int64_t heads, const char* what);

/// Fails unless the query heads can be shared out evenly over the key and value heads.
void check_head_groups(int64_t query_heads, int64_t key_heads);

/// The float type that an attribute names by ONNX's number; `otherwise` when it is absent.
DType precision_of(const NodeView& node, DType otherwise);

/// The keys of all heads, scaled, rounded to `type` and transposed: [batch, heads, size, length].
template <class Compute>
std::vector<Compute> transposed_keys(const Compute* keys, const HeadLayout& layout, DType type, Compute scale) {
  std::vector<Compute> result(static_cast<size_t>(layout.rows() * layout.size));
  Compute* to = result.data();
  for (int64_t b = 0; b < layout.batch; ++b) {
    for (int64_t h = 0; h < layout.heads; ++h) {
      for (int64_t e = 0; e < layout.size; ++e, stop_point(layout.length)) {
        for (int64_t j = 0; j < layout.length; ++j) *to++ = keys[layout.at(b, h, j) + e] * scale;
      }
    }
  }
  round_through(type, result.data(), static_cast<int64_t>(result.size()));
  return result;
}

/// out[j] = sum of weights[k] * rows[k][j], rounded to `type` at the end. Rows are `step` apart; `sums` is scratch.
template <class Compute>
void weighted_sum(const Compute* weights, const Compute* rows, int64_t count, int64_t step, int64_t width, DType type,
                  std::vector<double>& sums, Compute* out) {
  sums.assign(static_cast<size_t>(width), 0);
  for (int64_t k = 0; k < count; ++k, stop_point(width)) {
    const auto weight = static_cast<double>(weights[k]);
    const Compute* row = rows + k * step;
    for (int64_t j = 0; j < width; ++j) sums[j] += weight * static_cast<double>(row[j]);
  }
  for (int64_t j = 0; j < width; ++j) out[j] = static_cast<Compute>(sums[j]);
  round_through(type, out, width);
}

/// Softmax with every step rounded to `type`.
template <class Compute>
void softmax_row(DType type, Compute* row, int64_t count) {
  if (count == 0) return;
  round_through(type, row, count);
  Compute max = row[0];
  for (int64_t j = 1; j < count; ++j) {
    if (row[j] > max || row[j] != row[j]) max = row[j];
  }
  for (int64_t j = 0; j < count; ++j) row[j] -= max;
  round_through(type, row, count);
  for (int64_t j = 0; j < count; ++j) row[j] = std::exp(row[j]);
  round_through(type, row, count);
  double sum = 0;
  for (int64_t j = 0; j < count; ++j) sum += static_cast<double>(row[j]);
  const Compute divisor = round_through(type, static_cast<Compute>(sum));
  for (int64_t j = 0; j < count; ++j) row[j] /= divisor;
  round_through(type, row, count);
}

}  // namespace kiln::ops
