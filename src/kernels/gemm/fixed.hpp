#pragma once

#include <string>

#include "kernels/gemm/fixed_table.hpp"
#include "kernels/gemm/gemm.hpp"

namespace kiln {

/// gemm_f32_fixed: PackedGemm for few rows, where reading the weights from main memory takes the time. The weights are
/// kept as whole numbers of 24 bits, times a power of two for each column: what that rounds off is no more than what
/// long sums in floats do.
class FixedGemm {
 public:
  FixedGemm(const GemmProblem& problem, Isa isa);

  static bool can_do(int64_t n, int64_t k);
  /// Whether much is left of the weights of each column, beside the largest; they may lie at odd addresses.
  static bool fits(const void* b, int64_t b_row, int64_t b_column, int64_t n, int64_t k);
  std::string name() const;
  int64_t packed_floats() const { return bias_at() + panels_ * fixed_columns; }
  /// As PackedGemm::pack(), of weights that fit, which may lie at odd addresses too.
  void pack(const void* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return parts * problem_.m * fixed_columns; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const;

 private:
  int64_t panel_floats() const { return problem_.k * fixed_step_bytes / 4; }
  int64_t factors_at() const { return panels_ * panel_floats(); }
  int64_t bias_at() const { return factors_at() + panels_ * fixed_columns; }
  void sum_panel(const float* in, const unsigned char* weights, float* sums) const;
  void finish_row(int64_t panel, const float* packed, const float* residual, float* sums, float* out) const;

  GemmProblem problem_;
  Isa isa_;
  EpiloguePlan epilogue_;
  const FixedTable* table_;
  int64_t panels_;
};

}  // namespace kiln
