#pragma once

#include <string>

#include "kernels/norm/norm_table.hpp"

namespace kiln {

/// Rows of n numbers, each standardised by its own mean and variance, or divided by its own root mean square.
struct LayerNormProblem {
  int64_t rows = 1, n = 1;
  float epsilon = 1e-5f;
  bool centred = true;  ///< LayerNormalization; otherwise RMSNormalization
};

struct LayerNormPointers {
  const float* x;
  const float* scale;  ///< n numbers, as many in bias; null for none
  const float* bias;
  float* out;
  const float* residual = nullptr;  ///< added to x first; null for none
  float* sum = nullptr;             ///< x + residual is written here too, which must not be `out`; null for no
};

/// norm_f32_layer: LayerNormalization and RMSNormalization of plain tensors, also of a sum; out and sum may be x or the
/// residual.
class LayerNorm {
 public:
  LayerNorm(const LayerNormProblem& problem, Isa isa);

  std::string name() const;
  int64_t scratch_floats(int64_t) const { return 0; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const LayerNormPointers& p, float* scratch) const;

 private:
  LayerNormProblem problem_;
  Isa isa_;
  void (*function_)(const LayerNormArgs&);
};

}  // namespace kiln
