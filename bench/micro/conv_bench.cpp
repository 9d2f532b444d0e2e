// Convolution kernels on the layers of well-known networks, at batch 1 with ReLU. Weights come from several copies in
// turn, as cold as a network leaves them. KILN_THREADS and KILN_ISA say how many threads and which kernels.

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/cpu.hpp"
#include "base/rng.hpp"
#include "base/thread_pool.hpp"
#include "kernels/conv/depthwise.hpp"
#include "kernels/conv/direct.hpp"
#include "kernels/conv/first.hpp"
#include "kernels/conv/transposed_winograd.hpp"
#include "kernels/conv/winograd.hpp"

namespace kiln {
namespace {

constexpr int64_t copies = 6;

std::vector<float> random_floats(int64_t count, double scale) {
  Philox rng(1);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& x : values) x = static_cast<float>(rng.uniform(-scale, scale));
  return values;
}

/// Runs a kernel from one tensor to another with the next copy of its weights each time.
template <class Kernel>
void run(benchmark::State& state, const Kernel& kernel, int64_t in_floats, int64_t out_floats, int64_t weight_count,
         double operations) {
  const std::vector<float> weights = random_floats(weight_count, 0.1), in = random_floats(in_floats, 1);
  const int64_t packed_floats = (kernel.packed_floats() + 15) / 16 * 16;
  std::vector<float> packed(static_cast<size_t>(copies * packed_floats));
  kernel.pack(weights.data(), nullptr, packed.data());
  for (int64_t i = 1; i < copies; ++i) {
    std::copy(packed.begin(), packed.begin() + packed_floats, packed.begin() + i * packed_floats);
  }
  const int64_t parts = default_pool().threads();
  std::vector<float> out(static_cast<size_t>(out_floats)), scratch(static_cast<size_t>(kernel.scratch_floats(parts)));
  int64_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    const ConvPointers pointers{in.data(), packed.data() + turn++ % copies * packed_floats, out.data()};
    for (int64_t phase = 0; phase < kernel.phases(); ++phase) {
      parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t part = begin; part < end; ++part) kernel.run_part(phase, part, parts, pointers, scratch.data());
      });
    }
    benchmark::ClobberMemory();
  }
  state.counters["GFLOP/s"] = benchmark::Counter(operations * 1e-9, benchmark::Counter::kIsIterationInvariantRate);
}

struct Layer {
  const char* name;
  char kind;  ///< c: convolution, d: depthwise, f: first, t: transposed
  int64_t in, out, height, width, kernel, stride, pad;
};
constexpr Layer layers[] = {
    {"3x3_64_56", 'c', 64, 64, 56, 56, 3, 1, 1},           {"3x3_128_28", 'c', 128, 128, 28, 28, 3, 1, 1},
    {"3x3_256_14", 'c', 256, 256, 14, 14, 3, 1, 1},        {"3x3_512_7", 'c', 512, 512, 7, 7, 3, 1, 1},
    {"3x3_64_112", 'c', 64, 64, 112, 112, 3, 1, 1},        {"3x3_128_112", 'c', 128, 128, 112, 112, 3, 1, 1},
    {"3x3_32_160", 'c', 32, 32, 160, 160, 3, 1, 1},        {"3x3_64_80", 'c', 64, 64, 80, 80, 3, 1, 1},
    {"3x3_128_40", 'c', 128, 128, 40, 40, 3, 1, 1},        {"3x3s2_64_128_80", 'c', 64, 128, 80, 80, 3, 2, 1},
    {"3x3s2_128_256_40", 'c', 128, 256, 40, 40, 3, 2, 1},  {"1x1_64_256_56", 'c', 64, 256, 56, 56, 1, 1, 0},
    {"1x1_256_64_56", 'c', 256, 64, 56, 56, 1, 1, 0},      {"1x1_512_2048_7", 'c', 512, 2048, 7, 7, 1, 1, 0},
    {"1x1_24_144_56", 'c', 24, 144, 56, 56, 1, 1, 0},      {"1x1_144_24_56", 'c', 144, 24, 56, 56, 1, 1, 0},
    {"1x1_96_96_200x300", 'c', 96, 96, 200, 300, 1, 1, 0}, {"dw3_144_56", 'd', 144, 144, 56, 56, 3, 1, 1},
    {"dw3s2_96_112", 'd', 96, 96, 112, 112, 3, 2, 1},      {"dw5_240_28", 'd', 240, 240, 28, 28, 5, 1, 2},
    {"first3x3s2_32_640", 'f', 3, 32, 640, 640, 3, 2, 1},  {"first7x7s2_64_224", 'f', 3, 64, 224, 224, 7, 2, 3},
    {"deconv4s2_256_14", 't', 256, 256, 14, 14, 4, 2, 1},  {"deconv4s2_256_28", 't', 256, 256, 28, 28, 4, 2, 1},
    {"deconv4s2_256_56", 't', 256, 256, 56, 56, 4, 2, 1},
};

ConvProblem problem_of(const Layer& layer) {
  ConvProblem p;
  p.channels_in = layer.in, p.channels_out = layer.out;
  p.group = layer.kind == 'd' ? layer.in : 1;
  p.height = layer.height, p.width = layer.width;
  p.kernel_h = p.kernel_w = layer.kernel;
  p.stride_h = p.stride_w = layer.stride;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = layer.pad;
  p.epilogue.activation = Activation::relu;
  return p;
}

/// One variant of a layer: makes its kernel when it is timed.
template <class Make>
void add(const Layer& layer, const std::string& variant, Make make) {
  const ConvProblem p = problem_of(layer);
  const bool transposed = layer.kind == 't';
  const int64_t height = transposed ? p.transposed_height() : p.out_height();
  const int64_t width = transposed ? p.transposed_width() : p.out_width();
  const Isa isa = best_isa();
  const int64_t halo = layer.kernel == 1 ? 0 : layer.kind == 't' ? 1 : layer.pad;
  const BlockedLayout in{1, p.channels_in, p.height, p.width, block_of(isa), halo};
  const BlockedLayout out{1, p.channels_out, height, width, block_of(isa), halo};
  const int64_t weights = p.channels_out * p.channels_in / p.group * p.kernel_h * p.kernel_w;
  const int64_t pixels = transposed ? p.height * p.width : height * width;
  const double operations = 2.0 * static_cast<double>(weights * pixels);
  const int64_t in_floats = layer.kind == 'f' ? p.channels_in * p.height * p.width : in.floats();
  auto* const benchmark =
      benchmark::RegisterBenchmark(fmt::format("{}/{}", layer.name, variant).c_str(), [=](benchmark::State& state) {
        run(state, make(p, in, out, isa), in_floats, out.floats(), weights, operations);
      });
  benchmark->Unit(benchmark::kMicrosecond);
  // One thread's own time stays true on a busy machine.
  if (default_pool().threads() > 1) benchmark->UseRealTime();
}

void add_direct(const Layer& layer) {
  add(layer, "direct_default", [](const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa) {
    return DirectConv(p, in, out, isa, DirectConv::default_tuning(p, isa));
  });
  for (const int blocks : {2, 3, 4}) {
    for (const bool outer : {false, true}) {
      for (const int64_t band : {1, 8, 1000}) {
        const TileTuning tuning{
            .blocks = blocks, .band = band, .channels_outer = outer, .two_lines = layer.width <= 7 && blocks == 2};
        add(layer, fmt::format("direct_nb{}_{}_band{}", blocks, outer ? "channels" : "rows", band),
            [tuning](const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa) {
              return DirectConv(p, in, out, isa, tuning);
            });
      }
    }
  }
}

void add_winograd(const Layer& layer) {
  const auto make = [](const WinogradTuning& tuning) {
    return [tuning](const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa) {
      return WinogradConv(p, in, out, isa, tuning, default_pool().threads());
    };
  };
  add(layer, "winograd_default", [](const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa) {
    return WinogradConv(p, in, out, isa, WinogradConv::default_tuning(p), default_pool().threads());
  });
  for (const int size : {2, 4, 6}) {
    for (const int blocks : {2, 4}) {
      for (const bool split : {false, true}) {
        for (const int64_t tiles : {14, 28, 56}) {
          const std::string name =
              fmt::format("winograd{}_nb{}_{}_t{}", size, blocks, split ? "channels" : "tiles", tiles);
          add(layer, name, make({size, blocks, tiles, split, false}));
          add(layer, name + "_prefetch", make({size, blocks, tiles, split, true}));
        }
      }
    }
  }
}

void add_layer(const Layer& layer) {
  if (layer.kind == 'd') {
    add(layer, "depthwise", [](const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa) {
      return DepthwiseConv(p, in, out, isa);
    });
  } else if (layer.kind == 'f') {
    for (const int64_t band : {4, 8}) {
      add(layer, fmt::format("first_band{}", band),
          [band](const ConvProblem& p, const BlockedLayout&, const BlockedLayout& out, Isa isa) {
            TileTuning tuning = FirstConv::default_tuning(p, isa);
            tuning.band = band;
            return FirstConv(p, out, isa, tuning);
          });
    }
  } else if (layer.kind == 't') {
    for (const int blocks : {2, 4}) {
      add(layer, fmt::format("transposed_nb{}", blocks),
          [blocks](const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa) {
            return TransposedConv(p, in, out, isa,
                                  {.blocks = blocks, .band = 1000, .channels_outer = true, .prefetch_weights = true});
          });
    }
    add(layer, "transposed_winograd",
        [](const ConvProblem& p, const BlockedLayout& in, const BlockedLayout& out, Isa isa) {
          return TransposedWinogradConv(p, in, out, isa, TransposedWinogradConv::default_tuning(p),
                                        default_pool().threads());
        });
  } else {
    add_direct(layer);
    if (layer.kernel == 3 && layer.stride == 1) add_winograd(layer);
  }
}

const bool registered = [] {
  for (const Layer& layer : layers) add_layer(layer);
  return true;
}();

}  // namespace
}  // namespace kiln
