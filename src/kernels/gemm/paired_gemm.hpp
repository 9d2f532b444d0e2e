#pragma once

#include "kernels/gemm/gemm.hpp"
#include "kernels/paired/paired_walk.hpp"

namespace kiln {

/// gemm_f32_paired: a product with a constant matrix that adds instead of multiplying where it can (PairedWalk).
class PairedGemm {
 public:
  /// Fails with Error(unsupported) where there is nothing to gain.
  PairedGemm(const GemmProblem& problem, Isa isa, const TileTuning& tuning);

  static bool can_do(int64_t n, int64_t k) { return n >= 16 && k >= 48; }
  std::string name() const;
  int64_t packed_floats() const { return walk_.packed_floats(); }
  /// As PackedGemm::pack().
  void pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const;
  int64_t scratch_floats(int64_t parts) const { return walk_.scratch_floats(parts); }
  int64_t phases() const { return walk_.phases(); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const;

 private:
  PairedWalk walk_;
};

}  // namespace kiln
