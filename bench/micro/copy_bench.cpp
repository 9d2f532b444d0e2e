// Kernels that move data, as copies of bytes. GB/s counts what is read and written. KILN_THREADS and KILN_ISA say how
// many threads and which kernels.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/cpu.hpp"
#include "base/thread_pool.hpp"
#include "kernels/copy/cast.hpp"
#include "kernels/copy/gather.hpp"
#include "kernels/copy/strided_copy.hpp"
#include "kernels/reorder/blocked_concat.hpp"
#include "kernels/reorder/reorder.hpp"

namespace kiln {
namespace {

/// Calls body(part, parts) for all parts, again and again.
template <class Body>
void run(benchmark::State& state, int64_t bytes_moved, Body&& body) {
  const int64_t parts = default_pool().threads();
  for ([[maybe_unused]] auto _ : state) {
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) body(part, parts);
    });
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * bytes_moved);
}

void run_box(benchmark::State& state, int64_t size, const std::vector<CopyDim>& dims) {
  int64_t from_count = 1, to_count = 1, count = 1;
  for (const CopyDim& dim : dims) {
    from_count += (dim.extent - 1) * std::max<int64_t>(dim.from, 0);
    to_count += (dim.extent - 1) * dim.to;
    count *= dim.extent;
  }
  const std::vector<char> from(static_cast<size_t>(from_count * size + 64), 1);
  std::vector<char> to(static_cast<size_t>(to_count * size + 64));
  const auto aligned = [](const auto& v) { return (64 - reinterpret_cast<uintptr_t>(v.data()) % 64) % 64; };
  const StridedCopy copy(size, dims, 0, 0, best_isa());
  run(state, 2 * count * size, [&](int64_t part, int64_t parts) {
    copy.run_part(part, parts, from.data() + aligned(from), to.data() + aligned(to));
  });
}

void run_transpose(benchmark::State& state, int64_t size, const std::vector<int64_t>& shape,
                   const std::vector<size_t>& perm) {
  std::vector<int64_t> from(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0; step *= shape[i]) from[i] = step;
  std::vector<CopyDim> dims(shape.size());
  step = 1;
  for (size_t i = shape.size(); i-- > 0; step *= shape[perm[i]]) dims[i] = {shape[perm[i]], from[perm[i]], step};
  run_box(state, size, dims);
}

void run_cast(benchmark::State& state, DType from, DType to, int64_t count) {
  const auto from_bytes = static_cast<int64_t>(dtype_size(from)), to_bytes = static_cast<int64_t>(dtype_size(to));
  const std::vector<char> in(static_cast<size_t>(count * from_bytes));
  std::vector<char> out(static_cast<size_t>(count * to_bytes));
  const Cast cast(from, to, count, best_isa());
  run(state, count * (from_bytes + to_bytes),
      [&](int64_t part, int64_t parts) { cast.run_part(part, parts, in.data(), out.data()); });
}

void run_gather(benchmark::State& state, const Gather::Sizes& sizes) {
  const std::vector<char> data(static_cast<size_t>(sizes.outer * sizes.extent * sizes.row_bytes));
  std::vector<char> out(static_cast<size_t>(sizes.outer * sizes.count * sizes.row_bytes));
  std::vector<int64_t> indices(static_cast<size_t>(sizes.count));
  for (int64_t i = 0; i < sizes.count; ++i) indices[static_cast<size_t>(i)] = i * 7919 % sizes.extent;
  const Gather gather(sizes, sizeof(int64_t));
  run(state, 2 * static_cast<int64_t>(out.size()), [&](int64_t part, int64_t parts) {
    if (part == 0 && gather.find_bad(indices.data()) >= 0) state.SkipWithError("an index out of range");
    gather.run_part(part, parts, data.data(), indices.data(), out.data());
  });
}

using Reorder = void (*)(float* plain, float* blocked, const BlockedLayout& l, int64_t part, int64_t parts);

void run_reorder(benchmark::State& state, Reorder reorder, const BlockedLayout& l) {
  std::vector<float> plain(static_cast<size_t>(l.n * l.c * l.h * l.w), 1.0f);
  std::vector<float> blocked(static_cast<size_t>(l.floats()), 1.0f);
  run(state, static_cast<int64_t>((plain.size() + blocked.size()) * sizeof(float)),
      [&](int64_t part, int64_t parts) { reorder(plain.data(), blocked.data(), l, part, parts); });
}

void run_concat(benchmark::State& state, const std::vector<int64_t>& channels, int64_t height, int64_t width) {
  BlockedLayout out{1, 0, height, width, block_of(best_isa()), 0};
  std::vector<BlockedPart> inputs;
  std::vector<std::vector<float>> data;
  std::vector<const void*> pointers;
  for (const int64_t c : channels) {
    BlockedPart input{out, 0, c, inputs.size()};
    input.layout.c = c;
    out.c += c;
    data.emplace_back(static_cast<size_t>(input.layout.floats()), 1.0f);
    inputs.push_back(input);
  }
  for (const auto& x : data) pointers.push_back(x.data());
  std::vector<float> to(static_cast<size_t>(out.floats()));
  const BlockedConcat concat(inputs, out, best_isa());
  run(state, 2 * out.floats() * static_cast<int64_t>(sizeof(float)),
      [&](int64_t part, int64_t parts) { concat.run_part(part, parts, pointers.data(), to.data()); });
}

void add_transpose(const std::string& name, int64_t size, const std::vector<int64_t>& shape,
                   const std::vector<size_t>& perm) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    run_transpose(state, size, shape, perm);
  })->UseRealTime();
}

void add_box(const std::string& name, int64_t size, const std::vector<CopyDim>& dims) {
  benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
    run_box(state, size, dims);
  })->UseRealTime();
}

void add_reorders(const std::string& name, BlockedLayout l) {
  l.block = block_of(best_isa());
  const auto add = [&](const char* way, Reorder reorder) {
    benchmark::RegisterBenchmark((way + ("/" + name)).c_str(), [=](benchmark::State& state) {
      run_reorder(state, reorder, l);
    })->UseRealTime();
  };
  add("nchw_to_blocked", [](float* plain, float* blocked, const BlockedLayout& layout, int64_t part, int64_t parts) {
    nchw_to_blocked(plain, blocked, layout, part, parts);
  });
  add("blocked_to_nchw", [](float* plain, float* blocked, const BlockedLayout& layout, int64_t part, int64_t parts) {
    blocked_to_nchw(blocked, layout, plain, part, parts);
  });
  add("nhwc_to_blocked", [](float* plain, float* blocked, const BlockedLayout& layout, int64_t part, int64_t parts) {
    nhwc_to_blocked(plain, blocked, layout, part, parts);
  });
  add("blocked_to_nhwc", [](float* plain, float* blocked, const BlockedLayout& layout, int64_t part, int64_t parts) {
    blocked_to_nhwc(blocked, layout, plain, part, parts);
  });
}

const bool registered = [] {
  add_box("copy/400K", 4, {{100000, 1, 1}});
  add_box("copy/26M", 4, {{6553600, 1, 1}});
  add_transpose("heads/1x12x128x64", 4, {1, 12, 128, 64}, {0, 2, 1, 3});
  add_transpose("keys/1x128x12x64", 4, {1, 128, 12, 64}, {0, 2, 3, 1});
  add_transpose("nchw_nhwc/1x256x80x80", 4, {1, 256, 6400}, {0, 2, 1});
  add_transpose("nhwc_nchw/1x256x80x80", 4, {1, 6400, 256}, {0, 2, 1});
  add_transpose("nchw_nhwc/1x512x14x14", 4, {1, 512, 196}, {0, 2, 1});
  add_transpose("nchw_nhwc/1x3x640x640", 4, {1, 3, 409600}, {0, 2, 1});
  add_transpose("nhwc_nchw/1x3x640x640", 4, {1, 409600, 3}, {0, 2, 1});
  add_transpose("nhwc_nchw_u8/1x3x640x640", 1, {1, 409600, 3}, {0, 2, 1});
  add_transpose("nchw_nhwc_u8/1x3x640x640", 1, {1, 3, 409600}, {0, 2, 1});
  add_transpose("odd/85x25200", 4, {85, 25200}, {1, 0});
  add_transpose("odd/25200x85", 4, {25200, 85}, {1, 0});
  add_transpose("square_f32/1024", 4, {1024, 1024}, {1, 0});
  add_transpose("square_u8/1024", 1, {1024, 1024}, {1, 0});
  add_transpose("square_u16/1024", 2, {1024, 1024}, {1, 0});
  add_transpose("square_i64/1024", 8, {1024, 1024}, {1, 0});
  add_transpose("depth_to_space/64x80x80", 4, {1, 16, 2, 2, 80, 80}, {0, 1, 4, 2, 5, 3});
  add_transpose("space_to_depth/3x640x640", 4, {1, 3, 320, 2, 320, 2}, {0, 3, 5, 1, 2, 4});
  add_box("blocks_to_rows/256x80x80", 4, {{16, 102400, 16}, {6400, 16, 256}, {16, 1, 1}});
  add_box("rows_to_blocks/256x80x80", 4, {{16, 16, 102400}, {6400, 256, 16}, {16, 1, 1}});
  add_box("slice_step_2/3x320x320", 4, {{3, 409600, 102400}, {320, 1280, 320}, {320, 2, 1}});
  add_box("expand/64x6400", 4, {{64, 1, 6400}, {6400, 0, 1}});
  add_reorders("1x3x640x640", {1, 3, 640, 640, 16, 0});
  add_reorders("1x256x80x80", {1, 256, 80, 80, 16, 0});
  add_reorders("1x256x80x80_halo", {1, 256, 80, 80, 16, 1});
  add_reorders("1x255x40x40_halo", {1, 255, 40, 40, 16, 1});
  add_reorders("1x512x14x14", {1, 512, 14, 14, 16, 1});
  add_reorders("1x2048x7x7", {1, 2048, 7, 7, 16, 0});
  const auto add_concat = [](const std::string& name, const std::vector<int64_t>& channels, int64_t h, int64_t w) {
    benchmark::RegisterBenchmark(("concat/" + name).c_str(), [=](benchmark::State& state) {
      run_concat(state, channels, h, w);
    })->UseRealTime();
  };
  const auto add_cast = [](const std::string& name, DType from, DType to) {
    benchmark::RegisterBenchmark(("cast/" + name).c_str(), [=](benchmark::State& state) {
      run_cast(state, from, to, 100000);
    })->UseRealTime();
  };
  add_cast("f32_i64", DType::f32, DType::i64);
  add_cast("i64_f32", DType::i64, DType::f32);
  add_cast("f32_i32", DType::f32, DType::i32);
  add_cast("f32_bool", DType::f32, DType::boolean);
  add_cast("bool_f32", DType::boolean, DType::f32);
  add_cast("u8_f32", DType::u8, DType::f32);
  add_cast("f32_u8", DType::f32, DType::u8);
  add_cast("f32_f16", DType::f32, DType::f16);
  add_cast("f16_f32", DType::f16, DType::f32);
  add_cast("f32_bf16", DType::f32, DType::bf16);
  add_cast("f64_f32", DType::f64, DType::f32);
  add_cast("i64_i32", DType::i64, DType::i32);
  const auto add_gather = [](const std::string& name, const Gather::Sizes& sizes) {
    benchmark::RegisterBenchmark(("gather/" + name).c_str(), [=](benchmark::State& state) {
      run_gather(state, sizes);
    })->UseRealTime();
  };
  add_gather("embedding_128x768", {1, 30522, 128, 768 * 4});
  add_gather("one_of_3x768", {128, 3, 1, 768 * 4});
  add_gather("elements_8400", {1, 8400, 8400, 4});
  add_concat("128_128x40x40", {128, 128}, 40, 40);
  add_concat("120_120x40x40", {120, 120}, 40, 40);
  add_concat("24_24_24_24x40x40", {24, 24, 24, 24}, 40, 40);
  return true;
}();

}  // namespace
}  // namespace kiln
