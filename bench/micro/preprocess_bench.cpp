#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "kiln/kiln.hpp"
#include "kiln/vision/preprocess.hpp"

/// bench/preprocess.py runs these beside the OpenCV calls that they replace. Where KILN_BENCH_RESULTS names a folder,
/// each leaves what it made there.
namespace kiln::vision {
namespace {

/// The same in Python: high bytes of products, every level as often.
Picture noise(int64_t width, int64_t height) {
  std::vector<uint8_t> pixels(static_cast<size_t>(3 * width * height));
  for (size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<uint8_t>((static_cast<uint32_t>(i) * 2654435761u) >> 24);
  return {width, height, std::move(pixels)};
}

/// What a benchmark made, under its name and so many of its arguments.
void keep(std::string name, const benchmark::State& state, int arguments, const void* result, size_t bytes) {
  const char* folder = std::getenv("KILN_BENCH_RESULTS");
  if (folder == nullptr) return;
  for (int i = 0; i < arguments; ++i) name += "-" + std::to_string(state.range(static_cast<size_t>(i)));
  std::ofstream file(std::filesystem::path(folder) / name, std::ios::binary);
  file.write(static_cast<const char*>(result), static_cast<std::streamsize>(bytes));
}

void keep(const std::string& name, const benchmark::State& state, int arguments, const Tensor& batch) {
  keep(name, state, arguments, batch.data<float>(), static_cast<size_t>(batch.size()) * sizeof(float));
}

void keep(const std::string& name, const benchmark::State& state, int arguments, const Picture& picture) {
  keep(name, state, arguments, picture.pixels().data(), picture.pixels().size());
}

void prepare(const std::string& name, benchmark::State& state, const PictureView& picture, const InputFormat& format) {
  Tensor batch(DType::f32, {1, 3, format.height, format.width});
  for (auto _ : state) benchmark::DoNotOptimize(prepare_into(batch, 0, picture, format));
  keep(name, state, 2, batch);
}

void letterbox(benchmark::State& state) {
  prepare("letterbox", state, noise(state.range(0), state.range(1)), {.width = 640, .height = 640});
}
BENCHMARK(letterbox)
    ->Args({4000, 3000})
    ->Args({1920, 1080})
    ->Args({1280, 720})
    ->Args({810, 1080})
    ->Args({640, 640})
    ->Args({640, 480})
    ->Args({320, 240})
    ->UseRealTime();

InputFormat of_imagenet(int64_t side) {
  return {.width = side,
          .height = side,
          .fit = Fit::stretch,
          .mean = {0.485f, 0.456f, 0.406f},
          .deviation = {0.229f, 0.224f, 0.225f}};
}

void stretch_normalised(benchmark::State& state) {
  prepare("stretch_normalised", state, noise(state.range(0), state.range(1)), of_imagenet(224));
}
BENCHMARK(stretch_normalised)->Args({1920, 1080})->Args({500, 375})->Args({224, 224})->Args({100, 80})->UseRealTime();

void crop_normalised(benchmark::State& state) {
  const Picture picture = noise(1920, 1080);
  prepare("crop_normalised", state, PictureView(picture).part(701, 203, state.range(0), state.range(1)),
          of_imagenet(224));
}
BENCHMARK(crop_normalised)->Args({600, 700})->Args({224, 224})->Args({150, 170})->UseRealTime();

void text_line(benchmark::State& state) {
  prepare("text_line", state, noise(state.range(0), state.range(1)),
          {.width = 320, .height = 48, .fit = Fit::stretch, .mean = {1, 1, 1}, .range = 127.5f});
}
BENCHMARK(text_line)->Args({400, 60})->Args({200, 30})->Args({320, 48})->UseRealTime();

void resize_pixels(benchmark::State& state) {
  const Picture picture = noise(state.range(0), state.range(1));
  Picture resized;
  for (auto _ : state) benchmark::DoNotOptimize(resized = resize(picture, state.range(2), state.range(3)));
  keep("resize_pixels", state, 4, resized);
}
BENCHMARK(resize_pixels)
    ->Args({4000, 3000, 800, 600})
    ->Args({1920, 1080, 1280, 720})
    ->Args({1280, 720, 640, 360})
    ->Args({640, 480, 1280, 960})
    ->UseRealTime();

void warp_cubic(benchmark::State& state) {
  const Picture picture = noise(1200, 800);
  const Projection places =
      projection_between({{{0, 0}, {400, 0}, {400, 32}, {0, 32}}}, {{{100, 90}, {498, 104}, {497, 136}, {99, 121}}});
  Picture seen;
  for (auto _ : state) seen = warp(picture, places, 400, 32, {.sampling = Sampling::cubic, .replicate = true});
  keep("warp_cubic", state, 0, seen);
}
BENCHMARK(warp_cubic)->UseRealTime();

void warp_affine(benchmark::State& state) {
  const Picture picture = noise(1200, 800);
  Tensor batch(DType::f32, {1, 3, 256, 192});
  const auto shift = static_cast<double>(state.range(0));
  const Projection places{1.7, 0.2, 100 - shift, -0.2, 1.7, 150 - shift, 0, 0, 1};
  for (auto _ : state) warp_into(batch, 0, picture, places, {.width = 192, .height = 256});
  keep("warp_affine", state, 1, batch);
}
BENCHMARK(warp_affine)->Args({0})->Args({200})->UseRealTime();

void warp_pixels(benchmark::State& state) {
  const Picture picture = noise(state.range(0), state.range(1));
  const Projection places{0.9, 0.15, 10, -0.15, 0.9, 120, 0, 0, 1};
  Picture warped;
  for (auto _ : state) warped = warp(picture, places, state.range(0), state.range(1));
  keep("warp_pixels", state, 2, warped);
}
BENCHMARK(warp_pixels)->Args({1280, 960})->Args({320, 240})->UseRealTime();

}  // namespace
}  // namespace kiln::vision
