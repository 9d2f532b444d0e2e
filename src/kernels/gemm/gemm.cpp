#include "kernels/gemm/gemm.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/error.hpp"
#include "kernels/gemm/pack.hpp"

namespace kiln {
namespace {

/// K in groups of so many floats, between which weights are prefetched.
constexpr int64_t group_length = 64;

void set_up(TileWalk& walk, Isa isa, int64_t m, int64_t n, int64_t k, int64_t a_row, int64_t c_row,
            const Epilogue& epilogue) {
  check_gemm(m, n, k, a_row, c_row);
  walk.isa = isa;
  walk.epilogue = EpiloguePlan(epilogue);
  walk.row_major = true;
  walk.channels = n;
  TileDepth& depth = walk.depth;
  depth.length = group_length, depth.groups = k / group_length;
  depth.tail_length = k % group_length, depth.tail_groups = depth.tail_length != 0;
  for (int64_t at = 0; at < k; at += group_length) depth.offsets.push_back(at);
  // Rows of A are the pixels, and each is a line.
  const TileTable& table = tile_table(isa);
  const int64_t tile = std::min(walk.tuning.rows, table.rows[std::clamp(walk.tuning.blocks, 1, table.blocks)]);
  walk.adjoining = true;
  walk.lines = m;
  walk.width = 1;
  walk.in_pixel = a_row;
  walk.in_line = a_row;
  walk.out_pixel = c_row;
  walk.out_line = c_row;
  walk.out_block = table.lanes;
  walk.tuning.band = std::max<int64_t>(1, walk.tuning.band) * tile;
  walk.tuning.two_lines = false;
  walk.prepare();
}

}  // namespace

void check_gemm(int64_t m, int64_t n, int64_t k, int64_t a_row, int64_t c_row) {
  if (m < 0 || n < 1 || k < 0 || a_row < 0 || c_row < 0) {
    fail(ErrorCode::invalid_argument, "a product of {} x {} and {} x {} matrices makes no sense", m, k, k, n);
  }
}

PackedGemm::PackedGemm(const GemmProblem& p, Isa isa, const TileTuning& tuning) {
  walk_.tuning = tuning;
  set_up(walk_, isa, p.m, p.n, p.k, p.a_row != 0 ? p.a_row : p.k, p.c_row != 0 ? p.c_row : p.n, p.epilogue);
}

TileTuning PackedGemm::default_tuning(const GemmProblem& p, Isa isa) {
  TileTuning t;
  const int64_t blocks = divide_up(p.n, block_of(isa));
  t.blocks = best_blocks(tile_table(isa), blocks, std::max<int64_t>(p.m, 1));
  t.channels_outer = true;
  t.band = 4;
  return t;
}

std::string PackedGemm::name() const { return fmt::format("gemm_f32_packed_{}", isa_name(walk_.isa)); }

void PackedGemm::pack(const float* b, int64_t b_row, int64_t b_column, const float* bias, float* packed) const {
  walk_.pack(
      packed,
      [&](const TileDepth&, int64_t k, int64_t first, int64_t count, float* to) {
        const float* from = b + k * b_row + first * b_column;
        for (int64_t n = 0; n < count; ++n) to[n] = from[n * b_column];
      },
      [&](int64_t n) { return bias == nullptr ? 0.0f : bias[n]; });
}

void PackedGemm::run_part(int64_t, int64_t part, int64_t parts, const GemmPointers& p, float*) const {
  walk_.run_part(part, parts, p.a, p.packed, p.c, p.residual);
}

BatchedGemm::BatchedGemm(const BatchedGemmProblem& p, Isa isa, int blocks) : problem_(p) {
  if (p.outer < 0 || p.inner < 0) fail(ErrorCode::invalid_argument, "{} x {} products make no sense", p.outer, p.inner);
  walk_.tuning.blocks =
      blocks != 0 ? blocks : best_blocks(tile_table(isa), divide_up(p.n, block_of(isa)), std::max<int64_t>(p.m, 1));
  walk_.tuning.band = 1000;
  set_up(walk_, isa, p.m, p.n, p.k, p.a_row, p.c_row, p.epilogue);
  panel_floats_ = p.k * walk_.tuning.blocks * block_of(isa);
}

std::string BatchedGemm::name() const { return fmt::format("gemm_f32_dynamic_{}", isa_name(walk_.isa)); }

void BatchedGemm::run_part(int64_t, int64_t part, int64_t parts, const BatchedGemmPointers& p, float* scratch) const {
  static constexpr float zeros[TileTable::most_blocks * 16] = {};
  const BatchedGemmProblem& q = problem_;
  float* const panel_weights = scratch + part * panel_floats_;
  const int64_t panels = walk_.panel_count();
  const auto [begin, end] = part_range(q.outer * q.inner * panels, part, parts);
  for (int64_t i = begin; i < end; ++i) {
    const int64_t panel = i % panels, outer = i / panels / q.inner, inner = i / panels % q.inner;
    const int64_t first = walk_.panel_first_channel(panel), wide = walk_.panel_channels(panel);
    const int64_t columns = std::min(wide, q.n - first);
    const float* const b = p.b + outer * q.b_outer + inner * q.b_inner;
    if (q.b_transposed) {
      pack_transposed(b + first * q.b_row, q.b_row, q.k, columns, wide, q.scale, panel_weights);
    } else {
      pack_columns(b + first, q.b_row, q.k, columns, wide, q.scale, panel_weights);
    }
    const int64_t c_at = outer * q.c_outer + inner * q.c_inner;
    walk_.run_panel(panel, 0, 0, walk_.lines, p.a + outer * q.a_outer + inner * q.a_inner, panel_weights, zeros,
                    p.c + c_at, p.residual == nullptr ? nullptr : p.residual + c_at);
  }
}

}  // namespace kiln
