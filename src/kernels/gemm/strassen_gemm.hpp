#pragma once

#include "kernels/gemm/gemm.hpp"
#include "kernels/strassen/strassen_walk.hpp"

namespace kiln {

/// gemm_f32_strassen: a product with a constant matrix by seven products of quarters (StrassenWalk).
class StrassenGemm {
 public:
  /// Fails with Error(unsupported) where there is nothing to gain.
  StrassenGemm(const GemmProblem& problem, Isa isa, const TileTuning& tuning);

  static bool can_do(int64_t n, int64_t k) { return n >= 64 && k >= 64; }
  std::string name() const;
  int64_t packed_floats() const { return walk_.packed_floats(); }
  /// As PackedGemm::pack().
  void pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return walk_.scratch_floats(parts); }
  int64_t phases() const { return walk_.phases(); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const;

 private:
  StrassenWalk walk_;
};

}  // namespace kiln
