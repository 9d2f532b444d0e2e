// Pooling, normalising, resizing and reducing kernels, whose limit is memory, at shapes of well-known networks.
// KILN_THREADS and KILN_ISA say how many threads and which kernels.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "base/cpu.hpp"
#include "base/rng.hpp"
#include "base/thread_pool.hpp"
#include "kernels/norm/channel_norm.hpp"
#include "kernels/norm/layer_norm.hpp"
#include "kernels/norm/softmax.hpp"
#include "kernels/pool/pool.hpp"
#include "kernels/reduce/arg_reduce.hpp"
#include "kernels/reduce/reduce.hpp"
#include "kernels/reduce/topk.hpp"
#include "kernels/resize/resize.hpp"

namespace kiln {
namespace {

std::vector<float> random_floats(int64_t count) {
  Philox rng(1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& x : values) x = static_cast<float>(rng.uniform(-1, 1));
  return values;
}

/// `floats` are those read and written at least.
template <class Kernel, class Pointers>
void run(benchmark::State& state, const Kernel& kernel, const Pointers& pointers, int64_t floats) {
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
  state.counters["GB/s"] = benchmark::Counter(static_cast<double>(floats) * sizeof(float) * 1e-9,
                                              benchmark::Counter::kIsIterationInvariantRate);
}

void pool(benchmark::State& state, PoolKind kind, int64_t channels, int64_t size, int64_t kernel, int64_t stride,
          int64_t pad) {
  PoolProblem p;
  p.kind = kind;
  p.kernel_h = p.kernel_w = kernel;
  p.stride_h = p.stride_w = stride;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = pad;
  const int64_t out_size = (size + 2 * pad - kernel) / stride + 1, block = block_of(best_isa());
  const BlockedLayout in{1, channels, size, size, block, 1}, out{1, channels, out_size, out_size, block, 1};
  const std::vector<float> x = random_floats(in.floats());
  std::vector<float> y(static_cast<size_t>(out.floats()));
  run(state, Pool(p, in, out, best_isa()), PoolPointers{x.data(), y.data()}, in.floats() + out.floats());
}

void global_mean(benchmark::State& state, int64_t channels, int64_t size) {
  const BlockedLayout in{1, channels, size, size, block_of(best_isa()), 0};
  const std::vector<float> x = random_floats(in.floats());
  std::vector<float> y(static_cast<size_t>(channels));
  run(state, GlobalPool(PoolKind::mean, in, best_isa()), PoolPointers{x.data(), y.data()}, in.floats());
}

void softmax(benchmark::State& state, int64_t outer, int64_t n, int64_t inner) {
  const std::vector<float> x = random_floats(outer * n * inner);
  std::vector<float> y(x.size());
  run(state, Softmax({outer, n, inner, false}, best_isa()), SoftmaxPointers{x.data(), y.data()}, 2 * outer * n * inner);
}

void layer_norm(benchmark::State& state, int64_t rows, int64_t n, bool residual) {
  const std::vector<float> x = random_floats(rows * n), scale = random_floats(n);
  std::vector<float> y(x.size()), sum(x.size());
  run(state, LayerNorm({rows, n}, best_isa()),
      LayerNormPointers{x.data(), scale.data(), scale.data(), y.data(), residual ? x.data() : nullptr,
                        residual ? sum.data() : nullptr},
      (residual ? 4 : 2) * rows * n);
}

void group_norm(benchmark::State& state, int64_t channels, int64_t size, int64_t groups) {
  const BlockedLayout layout{1, channels, size, size, block_of(best_isa()), 1};
  const GroupNorm kernel(ChannelNormTensors(layout, layout, best_isa()), groups, 1e-5f, best_isa());
  const std::vector<float> x = random_floats(layout.floats()), packed = random_floats(kernel.packed_floats());
  std::vector<float> y(x.size());
  run(state, kernel, ChannelNormPointers{x.data(), packed.data(), y.data()}, 2 * layout.floats());
}

void resize(benchmark::State& state, ops::Resampling::Mode mode, int64_t channels, int64_t size, int64_t factor) {
  const int64_t block = block_of(best_isa()), out_size = size * factor;
  const BlockedLayout in{1, channels, size, size, block, 1}, out{1, channels, out_size, out_size, block, 1};
  ops::Resampling how;
  how.mode = mode;
  how.transform = ops::Resampling::Transform::asymmetric;
  how.nearest = ops::Resampling::Nearest::floor;
  const ops::ResampledAxis axis{size, out_size, static_cast<double>(factor), static_cast<double>(out_size)};
  const std::vector<float> x = random_floats(in.floats());
  std::vector<float> y(static_cast<size_t>(out.floats()));
  run(state, Resize(how, axis, axis, in, out, best_isa()), ResizePointers{x.data(), y.data()},
      in.floats() + out.floats());
}

void reduce_mean(benchmark::State& state, int64_t outer, int64_t n, int64_t inner) {
  const std::vector<float> x = random_floats(outer * n * inner);
  std::vector<float> y(static_cast<size_t>(outer * inner));
  const int64_t shape[] = {outer, n, inner};
  run(state, Reduce(Reduction::mean, shape, {false, true, false}, best_isa()), ReducePointers{x.data(), y.data()},
      outer * n * inner);
}

void arg_max(benchmark::State& state, int64_t outer, int64_t n, int64_t inner) {
  const std::vector<float> x = random_floats(outer * n * inner);
  std::vector<int64_t> y(static_cast<size_t>(outer * inner));
  run(state, ArgReduce({outer, n, inner}, best_isa()), ArgReducePointers{x.data(), y.data()}, outer * n * inner);
}

void topk(benchmark::State& state, int64_t n, int64_t k) {
  const std::vector<float> x = random_floats(n);
  std::vector<float> values(static_cast<size_t>(k));
  std::vector<int64_t> indices(static_cast<size_t>(k));
  run(state, TopK({1, n, 1, k}, best_isa()), TopKPointers{x.data(), values.data(), indices.data()}, n);
}

BENCHMARK_CAPTURE(pool, max3x3s2_64_112, PoolKind::max, 64, 112, 3, 2, 1)->UseRealTime();
BENCHMARK_CAPTURE(pool, max5x5s1_256_20, PoolKind::max, 256, 20, 5, 1, 2)->UseRealTime();
BENCHMARK_CAPTURE(pool, max2x2s2_64_224, PoolKind::max, 64, 224, 2, 2, 0)->UseRealTime();
BENCHMARK_CAPTURE(pool, mean3x3s1_256_35, PoolKind::mean, 256, 35, 3, 1, 1)->UseRealTime();
BENCHMARK_CAPTURE(global_mean, 2048_7, 2048, 7)->UseRealTime();
BENCHMARK_CAPTURE(global_mean, 96_112, 96, 112)->UseRealTime();
BENCHMARK_CAPTURE(softmax, 12x128x128, 12 * 128, 128, 1)->UseRealTime();
BENCHMARK_CAPTURE(softmax, 25200x80, 25200, 80, 1)->UseRealTime();
BENCHMARK_CAPTURE(softmax, dfl_16x33600, 1, 16, 33600)->UseRealTime();
BENCHMARK_CAPTURE(softmax, 1x50257, 1, 50257, 1)->UseRealTime();
BENCHMARK_CAPTURE(layer_norm, 197x768, 197, 768, false)->UseRealTime();
BENCHMARK_CAPTURE(layer_norm, residual_197x768, 197, 768, true)->UseRealTime();
BENCHMARK_CAPTURE(group_norm, instance_64_128, 64, 128, 64)->UseRealTime();
BENCHMARK_CAPTURE(group_norm, 320_64_in_32, 320, 64, 32)->UseRealTime();
BENCHMARK_CAPTURE(resize, nearest_x2_128_40, ops::Resampling::Mode::nearest, 128, 40, 2)->UseRealTime();
BENCHMARK_CAPTURE(resize, nearest_x8_24_20, ops::Resampling::Mode::nearest, 24, 20, 8)->UseRealTime();
BENCHMARK_CAPTURE(resize, linear_x2_128_40, ops::Resampling::Mode::linear, 128, 40, 2)->UseRealTime();
BENCHMARK_CAPTURE(reduce_mean, rows_197x768, 197, 768, 1)->UseRealTime();
BENCHMARK_CAPTURE(reduce_mean, columns_197x768, 1, 197, 768)->UseRealTime();
BENCHMARK_CAPTURE(arg_max, rows_25200x80, 25200, 80, 1)->UseRealTime();
BENCHMARK_CAPTURE(arg_max, columns_21x512x512, 1, 21, 262144)->UseRealTime();
BENCHMARK_CAPTURE(topk, 300_of_672000, 672000, 300)->UseRealTime();

}  // namespace
}  // namespace kiln
