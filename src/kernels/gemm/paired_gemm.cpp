#include "kernels/gemm/paired_gemm.hpp"

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

PairedGemm::PairedGemm(const GemmProblem& p, Isa isa, const TileTuning& tuning) {
  if (p.m < 0 || p.n < 1 || p.k < 1 || p.a_row < 0 || p.c_row < 0) {
    fail(ErrorCode::invalid_argument, "a product of {} x {} and {} x {} matrices makes no sense", p.m, p.k, p.k, p.n);
  }
  if (!can_do(p.n, p.k)) fail(ErrorCode::unsupported, "a product of {} columns and depth {} is too small", p.n, p.k);
  walk_.isa = isa;
  walk_.tuning = tuning;
  walk_.epilogue = EpiloguePlan(p.epilogue);
  walk_.width = p.m;
  walk_.columns = p.n;
  walk_.depth = p.k;
  walk_.in_pixel = p.a_row != 0 ? p.a_row : p.k;
  walk_.in_run = p.k;
  walk_.out_pixel = p.c_row != 0 ? p.c_row : p.n;
  walk_.out_block = block_of(isa);
  walk_.row_major = true;
  walk_.prepare();
}

std::string PairedGemm::name() const { return fmt::format("gemm_f32_paired_{}", isa_name(walk_.isa)); }

void PairedGemm::pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const {
  walk_.pack(
      packed,
      [&](int64_t k, int64_t first, int64_t count, float* to) {
        const float* const from = b + k * b_row + first * b_column;
        for (int64_t i = 0; i < count; ++i) to[i] = from[i * b_column];
      },
      [&](int64_t i) { return bias == nullptr ? 0.0f : bias[i]; });
}

void PairedGemm::run_part(int64_t phase, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const {
  walk_.run_part(phase, part, parts, {p.a, p.packed, p.c, p.residual}, scratch);
}

}  // namespace kiln
