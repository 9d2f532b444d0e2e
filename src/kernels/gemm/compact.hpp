#pragma once

#include <string>
#include <vector>

#include "kernels/gemm/compact_table.hpp"
#include "kernels/gemm/gemm.hpp"

namespace kiln {

/// gemm_f32_compact: PackedGemm for few rows, where reading the weights from main memory takes the time. The weights
/// are kept in 28 bits: most exponents of a panel of columns are among 15 in a row. The others, at most one in 1024,
/// are written down beside them and multiplied at the end, so that no weight loses a bit.
class CompactGemm {
 public:
  CompactGemm(const GemmProblem& problem, Isa isa);

  static bool can_do(int64_t n, int64_t k);
  /// Whether the weights can be kept so; their elements may lie at odd addresses.
  static bool fits(const void* b, int64_t b_row, int64_t b_column, int64_t n, int64_t k);
  std::string name() const;
  int64_t packed_floats() const { return bias_at() + panels_ * compact_columns; }
  /// As PackedGemm::pack(), of weights that fit, which may lie at odd addresses too.
  void pack(const void* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return parts * problem_.m * compact_columns; }
  int64_t phases() const { return 1; }
  void run_part(int64_t phase, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const;

 private:
  int64_t panel_floats() const { return problem_.k * compact_step_bytes / 4; }
  /// Of each panel: the largest exponent, how many weights stand beside, and for each its place and itself.
  int64_t notes_floats() const { return 2 + 2 * most_beside(problem_.k); }
  int64_t notes_at() const { return panels_ * panel_floats(); }
  int64_t bias_at() const { return notes_at() + panels_ * notes_floats(); }
  static int64_t most_beside(int64_t k);
  void sum_panel(const float* in, const unsigned char* weights, const int32_t* exponents, float* sums) const;
  void add_beside(const float* in, const float* notes, float* sums) const;
  void finish_row(int64_t panel, const float* bias, const float* residual, float* sums, float* out) const;

  GemmProblem problem_;
  Isa isa_;
  EpiloguePlan epilogue_;
  const CompactTable* table_;
  int64_t panels_;
};

}  // namespace kiln
