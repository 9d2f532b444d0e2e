#pragma once

#include "kernels/gemm/gemm.hpp"
#include "kernels/paired/paired_walk.hpp"
#include "kernels/strassen/strassen_walk.hpp"

namespace kiln {

/// A product with a constant matrix by a walk that saves multiplications: gemm_f32_paired (PairedWalk) adds instead
/// where it can, gemm_f32_strassen (StrassenWalk) does seven products of quarters.
template <class Walk>
class WalkedGemm {
 public:
  /// Fails with Error(unsupported) where there is nothing to gain.
  WalkedGemm(const GemmProblem& problem, Isa isa, const TileTuning& tuning);

  static bool can_do(int64_t n, int64_t k) { return Walk::can_do(n, k); }
  std::string name() const;
  int64_t packed_floats() const { return walk_.packed_floats(); }
  /// As PackedGemm::pack().
  void pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const {
    walk_.pack(b, b_row, b_column, bias, packed);
  }
  int64_t scratch_floats(int64_t parts) const { return walk_.scratch_floats(parts); }
  int64_t phases() const { return walk_.phases(); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const {
    walk_.run_part(phase, part, parts, {p.a, p.packed, p.c, p.residual}, scratch);
  }

 private:
  Walk walk_;
};

using PairedGemm = WalkedGemm<PairedWalk>;
using StrassenGemm = WalkedGemm<StrassenWalk>;

extern template class WalkedGemm<PairedWalk>;
extern template class WalkedGemm<StrassenWalk>;

}  // namespace kiln
