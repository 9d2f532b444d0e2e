#include "kernels/gemm/strassen_gemm.hpp"

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"

namespace kiln {

StrassenGemm::StrassenGemm(const GemmProblem& p, Isa isa, const TileTuning& tuning) {
  if (p.m < 0 || p.n < 1 || p.k < 1 || p.a_row < 0 || p.c_row < 0) {
    fail(ErrorCode::invalid_argument, "a product of {} x {} and {} x {} matrices makes no sense", p.m, p.k, p.k, p.n);
  }
  walk_.isa = isa;
  walk_.tuning = tuning;
  walk_.epilogue = EpiloguePlan(p.epilogue);
  walk_.rows = p.m;
  walk_.columns = p.n;
  walk_.depth = p.k;
  walk_.in_step = p.a_row != 0 ? p.a_row : p.k;
  walk_.out_step = p.c_row != 0 ? p.c_row : p.n;
  walk_.prepare();
}

std::string StrassenGemm::name() const { return fmt::format("gemm_f32_strassen_{}", isa_name(walk_.isa)); }

void StrassenGemm::pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const {
  walk_.pack(
      packed,
      [&](int64_t k, int64_t first, int64_t count, float* to) {
        const float* const from = b + k * b_row + first * b_column;
        for (int64_t i = 0; i < count; ++i) to[i] = from[i * b_column];
      },
      [&](int64_t i) { return bias == nullptr ? 0.0f : bias[i]; });
}

void StrassenGemm::run_part(int64_t phase, int64_t part, int64_t parts, const GemmPointers& p, float* scratch) const {
  walk_.run_part(phase, part, parts, {p.a, p.packed, p.c, p.residual}, scratch);
}

}  // namespace kiln
