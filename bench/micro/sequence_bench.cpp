// Attention as transformers need it, Q, K and V being slices of one buffer; and recurrences with their weights.
// KILN_THREADS and KILN_ISA say how many threads and which kernels.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/thread_pool.hpp"
#include "kernels/attention/blocked_attention.hpp"
#include "kernels/rnn/packed_recurrence.hpp"

namespace kiln {
namespace {

std::vector<float> numbers(int64_t count) {
  std::vector<float> data(static_cast<size_t>(count));
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i * 7919 % 1000) * 1e-3f - 0.5f;
  return data;
}

template <class Kernel, class Pointers>
void measure(benchmark::State& state, const Kernel& kernel, const Pointers& pointers, double operations) {
  const int64_t parts = default_pool().threads();
  std::vector<float> scratch(static_cast<size_t>(kernel.scratch_floats(parts)));
  for ([[maybe_unused]] auto _ : state) {
    for (int64_t phase = 0; phase < kernel.phases(); ++phase) {
      parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t part = begin; part < end; ++part) kernel.run_part(phase, part, parts, pointers, scratch.data());
      });
    }
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

void attention(benchmark::State& state, int64_t heads, int64_t queries, int64_t keys, bool causal) {
  AttentionProblem p;
  p.heads = p.kv_heads = heads, p.queries = queries, p.keys = keys, p.size = p.value_size = 64;
  p.scale = 0.125f;
  if (causal) p.right = 0, p.first_position = keys - queries;
  const int64_t width = heads * 64;
  const int64_t seen = causal ? queries * (keys - queries) + queries * (queries + 1) / 2 : queries * keys;
  p.q = p.k = p.v = {0, 64, 3 * width};
  p.y = {0, 64, width};
  const std::vector<float> x = numbers(keys * 3 * width);
  std::vector<float> y(static_cast<size_t>(queries * width));
  measure(state, BlockedAttention(p, best_isa()),
          AttentionPointers{x.data(), x.data() + width, x.data() + 2 * width, y.data()},
          4.0 * static_cast<double>(seen * width));
}

void recurrence(benchmark::State& state, const RecurrentProblem& p) {
  const PackedRecurrence kernel(p, best_isa(), default_pool().threads());
  const int64_t width = p.directions * p.gates() * p.hidden, rows = p.steps * p.batch;
  std::vector<float> packed(static_cast<size_t>(kernel.packed_floats()));
  kernel.pack(numbers(width * p.input).data(), numbers(width * p.hidden).data(), nullptr, packed.data());
  const std::vector<float> x = numbers(rows * p.input);
  std::vector<float> y(static_cast<size_t>(rows * p.directions * p.hidden));
  RecurrentPointers pointers{x.data(), packed.data()};
  pointers.y = y.data();
  measure(state, kernel, pointers, 2.0 * static_cast<double>(rows * width * (p.input + p.hidden)));
}

template <class Body>
void add(const std::string& name, Body body) {
  auto* const benchmark = benchmark::RegisterBenchmark(name.c_str(), body);
  benchmark->Unit(benchmark::kMicrosecond);
  // One thread's own time stays true on a busy machine.
  if (default_pool().threads() > 1) benchmark->UseRealTime();
}

const bool registered = [] {
  struct Shape {
    const char* name;
    int64_t heads, queries, keys;
    bool causal;
  };
  for (const Shape& s : {Shape{"bert", 12, 128, 128, false}, Shape{"vit", 12, 197, 197, false},
                         Shape{"gpt2", 12, 64, 64, true}, Shape{"gpt2_next_token", 12, 1, 512, true},
                         Shape{"long", 12, 1024, 1024, false}, Shape{"long_causal", 12, 1024, 1024, true}}) {
    add(fmt::format("attention_{}", s.name),
        [s](benchmark::State& state) { attention(state, s.heads, s.queries, s.keys, s.causal); });
  }
  const auto add_recurrence = [](const char* name, RecurrentKind kind, int64_t batch, int64_t input, int64_t hidden) {
    for (const int64_t directions : {1, 2}) {
      RecurrentProblem p;
      p.kind = kind, p.steps = 100, p.batch = batch, p.input = input, p.hidden = hidden, p.directions = directions;
      p.linear_before_reset = true;
      add(fmt::format("{}_{}x100x{}_{}{}", name, batch, input, hidden, directions == 2 ? "_both_ways" : ""),
          [p](benchmark::State& state) { recurrence(state, p); });
    }
  };
  add_recurrence("lstm", RecurrentKind::lstm, 1, 256, 512);
  add_recurrence("lstm", RecurrentKind::lstm, 1, 128, 128);
  add_recurrence("lstm", RecurrentKind::lstm, 16, 256, 256);
  add_recurrence("gru", RecurrentKind::gru, 1, 256, 512);
  return true;
}();

}  // namespace
}  // namespace kiln
