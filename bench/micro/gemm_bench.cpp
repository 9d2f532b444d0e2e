// Matrix products of transformers, with a bias; and what a register tile reaches with its weights in L1, which is the
// limit that all other figures are held against. KILN_THREADS and KILN_ISA say how many threads and which kernels.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/thread_pool.hpp"
#include "kernels/gemm/gemm.hpp"

namespace kiln {
namespace {

constexpr int64_t copies = 6;

template <class Kernel, class Pointers>
void run_parts(const Kernel& kernel, int64_t parts, const Pointers& pointers, float* scratch) {
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) kernel.run_part(0, part, parts, pointers, scratch);
  });
}

void set_rate(benchmark::State& state, double operations) {
  state.counters["GFLOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void tile_limit(benchmark::State& state, int64_t rows, int64_t blocks) {
  const TileTable& table = tile_table(best_isa());
  constexpr int64_t depth = 64;
  std::vector<float> in(static_cast<size_t>(rows * depth), 0.5f), out(static_cast<size_t>(rows * blocks * table.lanes));
  std::vector<float> weights(static_cast<size_t>(blocks * table.lanes * (depth + 1)), 0.001f);
  const ptrdiff_t offset = 0;
  TileArgs a{};
  a.offsets = &offset;
  a.in = in.data(), a.weights = weights.data(), a.bias = weights.data(), a.out = out.data();
  a.groups = 1, a.length = depth, a.in_step = depth;
  a.out_step = blocks * table.lanes, a.out_block = table.lanes;
  a.high = 1e9f;
  const TileFunction tile = table.find(0, blocks, rows);
  for ([[maybe_unused]] auto _ : state) {
    for (int i = 0; i < 100; ++i) tile(a);
    benchmark::ClobberMemory();
  }
  set_rate(state, 200.0 * static_cast<double>(rows * blocks * table.lanes * depth));
}

void packed(benchmark::State& state, const GemmProblem& p, const TileTuning& tuning) {
  const PackedGemm kernel(p, best_isa(), tuning);
  const std::vector<float> a(static_cast<size_t>(p.m * p.k), 0.5f), b(static_cast<size_t>(p.k * p.n), 0.01f);
  std::vector<std::vector<float>> weights(copies, std::vector<float>(static_cast<size_t>(kernel.packed_floats())));
  for (std::vector<float>& copy : weights) kernel.pack(b.data(), p.n, 1, nullptr, copy.data());
  std::vector<float> c(static_cast<size_t>(p.m * p.n));
  const int64_t parts = default_pool().threads();
  size_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    run_parts(kernel, parts, GemmPointers{a.data(), weights[turn++ % copies].data(), c.data()}, nullptr);
    benchmark::ClobberMemory();
  }
  set_rate(state, 2.0 * static_cast<double>(p.m * p.n * p.k));
}

/// Scores (Q times K transposed) or values of 12 heads of 64, as attention lays them out.
void attention(benchmark::State& state, int64_t length, bool scores) {
  BatchedGemmProblem p;
  p.inner = 12, p.m = length, p.n = scores ? length : 64, p.k = scores ? 64 : length;
  p.a_inner = scores ? 64 : length * length, p.a_row = scores ? 768 : length;
  p.b_inner = 64, p.b_row = 768, p.b_transposed = scores;
  p.c_inner = scores ? length * length : 64, p.c_row = scores ? length : 768;
  const BatchedGemm kernel(p, best_isa());
  const std::vector<float> a(static_cast<size_t>(12 * length * std::max<int64_t>(length, 64)), 0.5f), b = a;
  std::vector<float> c = a;
  const int64_t parts = default_pool().threads();
  std::vector<float> scratch(static_cast<size_t>(kernel.scratch_floats(parts)));
  for ([[maybe_unused]] auto _ : state) {
    run_parts(kernel, parts, BatchedGemmPointers{a.data(), b.data(), c.data()}, scratch.data());
    benchmark::ClobberMemory();
  }
  set_rate(state, 2.0 * static_cast<double>(12 * p.m * p.n * p.k));
}

template <class Body>
void add(const std::string& name, Body body) {
  auto* const benchmark = benchmark::RegisterBenchmark(name.c_str(), body);
  benchmark->Unit(benchmark::kMicrosecond);
  // One thread's own time stays true on a busy machine.
  if (default_pool().threads() > 1) benchmark->UseRealTime();
}

const bool registered = [] {
  const TileTable& table = tile_table(best_isa());
  for (int64_t blocks = 1; blocks <= table.blocks; ++blocks) {
    const int64_t rows = table.rows[blocks];
    add(fmt::format("tile_{}x{}", rows, blocks), [=](benchmark::State& state) { tile_limit(state, rows, blocks); });
  }
  for (const auto& [m, k, n] : {std::array<int64_t, 3>{128, 768, 768},
                                {128, 768, 3072},
                                {128, 3072, 768},
                                {197, 768, 2304},
                                {1, 768, 3072},
                                {4, 768, 3072}}) {
    GemmProblem p;
    p.m = m, p.k = k, p.n = n;
    const std::string name = fmt::format("gemm_{}x{}x{}", m, k, n);
    add(name + "/default",
        [p](benchmark::State& state) { packed(state, p, PackedGemm::default_tuning(p, best_isa())); });
    for (const int blocks : {2, 3, 4}) {
      const TileTuning tuning{.blocks = blocks, .band = 1000, .channels_outer = true, .prefetch_weights = true};
      add(fmt::format("{}/nb{}", name, blocks), [=](benchmark::State& state) { packed(state, p, tuning); });
    }
  }
  for (const int64_t length : {64, 128, 197}) {
    add(fmt::format("scores_12x{}", length), [=](benchmark::State& state) { attention(state, length, true); });
    add(fmt::format("values_12x{}", length), [=](benchmark::State& state) { attention(state, length, false); });
  }
  return true;
}();

}  // namespace
}  // namespace kiln
