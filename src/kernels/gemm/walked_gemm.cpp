#include "kernels/gemm/walked_gemm.hpp"

#include <fmt/format.h>

#include "base/cpu.hpp"

namespace kiln {
namespace {

const char* trick_of(const PairedWalk&) { return "paired"; }
const char* trick_of(const StrassenWalk&) { return "strassen"; }

void set_sizes(PairedWalk& walk, const GemmProblem& p, int64_t a_row, int64_t c_row) {
  walk.width = p.m;
  walk.in_pixel = a_row, walk.out_pixel = c_row;
  walk.in_run = p.k;
  walk.out_block = block_of(walk.isa);
  walk.row_major = true;
}

void set_sizes(StrassenWalk& walk, const GemmProblem& p, int64_t a_row, int64_t c_row) {
  walk.rows = p.m;
  walk.in_step = a_row, walk.out_step = c_row;
}

}  // namespace

template <class Walk>
WalkedGemm<Walk>::WalkedGemm(const GemmProblem& p, Isa isa, const TileTuning& tuning) {
  check_gemm(p.m, p.n, p.k, p.a_row, p.c_row);
  walk_.isa = isa;
  walk_.tuning = tuning;
  walk_.epilogue = EpiloguePlan(p.epilogue);
  walk_.columns = p.n;
  walk_.depth = p.k;
  set_sizes(walk_, p, p.a_row != 0 ? p.a_row : p.k, p.c_row != 0 ? p.c_row : p.n);
  walk_.prepare();
}

template <class Walk>
std::string WalkedGemm<Walk>::name() const {
  return fmt::format("gemm_f32_{}_{}", trick_of(walk_), isa_name(walk_.isa));
}

template class WalkedGemm<PairedWalk>;
template class WalkedGemm<StrassenWalk>;

}  // namespace kiln
