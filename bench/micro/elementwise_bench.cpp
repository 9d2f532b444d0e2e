// Elementwise operators and chains of them. KILN_THREADS and KILN_ISA say how many threads and which kernels.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/thread_pool.hpp"
#include "kernels/elementwise/elementwise_chain.hpp"

namespace kiln {
namespace {

using O = ChainOpcode;

void run_chain(benchmark::State& state, const ChainProgram& program, const std::vector<ChainTensor>& inputs,
               const ChainTensor& output, int64_t tile) {
  const ElementwiseChain chain(program, inputs, output, best_isa(), tile);
  const auto floats = [](const ChainTensor& t) { return t.blocked ? t.layout.floats() : element_count(t.shape); };
  std::vector<std::vector<float>> data;
  std::vector<const void*> pointers;
  int64_t moved = 0;
  for (const ChainTensor& input : inputs) {
    data.emplace_back(static_cast<size_t>(floats(input)), 0.5f);
    moved += floats(input);
  }
  for (const std::vector<float>& input : data) pointers.push_back(input.data());
  std::vector<float> out(static_cast<size_t>(floats(output)));
  moved += floats(output);
  const int64_t parts = default_pool().threads();
  std::vector<float> scratch(static_cast<size_t>(chain.scratch_floats(parts)));
  for ([[maybe_unused]] auto _ : state) {
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        chain.run_part(0, part, parts, {pointers.data(), out.data()}, scratch.data());
      }
    });
    benchmark::ClobberMemory();
  }
  state.counters["GB/s"] =
      benchmark::Counter(4e-9 * static_cast<double>(moved), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["ns/element"] =
      benchmark::Counter(1e-9 * static_cast<double>(floats(output)),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

ChainProgram one_op(O op) {
  const int operands = chain_operands(op);
  ChainProgram program;
  program.ops = {{op, operands, 0, 1, 1, 1, 2}};
  program.inputs = operands, program.registers = operands + 1, program.result = operands;
  return program;
}

/// y = gelu as exporters write it: x * (0.5 * (1 + erf(x / sqrt(2)))).
ChainProgram gelu_in_pieces() {
  ChainProgram program;
  program.inputs = 1, program.constants = {0.70710678f, 1, 0.5f}, program.registers = 6, program.result = 5;
  program.ops = {{O::mul, 4, 0, 1}, {O::erf, 5, 4}, {O::add, 4, 5, 2}, {O::mul, 5, 4, 3}, {O::mul, 5, 5, 0}};
  return program;
}

/// relu(x * scale + shift + residual)
ChainProgram affine() {
  ChainProgram program;
  program.inputs = 4, program.registers = 5, program.result = 4;
  program.ops = {{O::mul, 4, 0, 1}, {O::add, 4, 4, 2}, {O::add, 4, 4, 3}, {O::relu, 4, 4}};
  return program;
}

void add(const std::string& name, const ChainProgram& program, const std::vector<ChainTensor>& inputs,
         const ChainTensor& output) {
  for (const int64_t tile : {0, 256, 512, 1024, 2048, 4096, 16384}) {
    auto* const benchmark =
        benchmark::RegisterBenchmark(fmt::format("{}/tile_{}", name, tile).c_str(),
                                     [=](benchmark::State& state) { run_chain(state, program, inputs, output, tile); });
    benchmark->Unit(benchmark::kMicrosecond);
    // One thread's own time stays true on a busy machine.
    if (default_pool().threads() > 1) benchmark->UseRealTime();
  }
}

const bool registered = [] {
  for (const int64_t size : {1000, 32 * 1024, 1000 * 1000}) {
    const ChainTensor x = ChainTensor::plain({size});
    for (const O op : {O::add, O::sigmoid, O::silu, O::gelu_erf, O::gelu_tanh, O::mish, O::erf, O::exp, O::log, O::sin,
                       O::sqrt, O::div, O::pow, O::elu, O::hard_swish}) {
      add(fmt::format("{}_{}", chain_opcode_name(op), size), one_op(op),
          std::vector<ChainTensor>(static_cast<size_t>(chain_operands(op)), x), x);
    }
    add(fmt::format("gelu_in_pieces_{}", size), gelu_in_pieces(), {x}, x);
  }
  const ChainTensor rows = ChainTensor::plain({128, 768}), thin = ChainTensor::plain({20000, 3});
  add("add_row_768", one_op(O::add), {rows, ChainTensor::plain({768})}, rows);
  add("mul_column_768", one_op(O::mul), {rows, ChainTensor::plain({128, 1})}, rows);
  add("mul_column_3", one_op(O::mul), {thin, ChainTensor::plain({20000, 1})}, thin);
  add("add_row_3", one_op(O::add), {thin, ChainTensor::plain({3})}, thin);
  const int64_t block = block_of(best_isa());
  for (const int64_t halo : {0, 1}) {
    for (const int64_t size : {14, 56}) {
      const int64_t channels = size == 14 ? 480 : 96;
      const BlockedLayout layout{1, channels, size, size, block, halo, 0};
      const ChainTensor map = ChainTensor::in_blocks(layout), scale = ChainTensor::plain({channels, 1, 1});
      add(fmt::format("affine_{}x{}x{}_halo_{}", channels, size, size, halo), affine(), {map, scale, scale, map}, map);
      add(fmt::format("scale_{}x{}x{}_halo_{}", channels, size, size, halo), one_op(O::mul), {map, scale}, map);
      add(fmt::format("silu_{}x{}x{}_halo_{}", channels, size, size, halo), one_op(O::silu), {map}, map);
    }
  }
  return true;
}();

}  // namespace
}  // namespace kiln
