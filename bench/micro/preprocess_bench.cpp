#include <benchmark/benchmark.h>

#include <random>

#include "kiln/kiln.hpp"
#include "kiln/vision/preprocess.hpp"

/// bench/preprocess.py runs these beside the OpenCV calls that they replace.
namespace kiln::vision {
namespace {

Picture noise(int64_t width, int64_t height) {
  std::mt19937 random(1);
  std::vector<uint8_t> pixels(static_cast<size_t>(3 * width * height));
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(random());
  return {width, height, std::move(pixels)};
}

void letterbox(benchmark::State& state) {
  const Picture picture = noise(state.range(0), state.range(1));
  Tensor batch(DType::f32, {1, 3, 640, 640});
  for (auto _ : state) benchmark::DoNotOptimize(prepare_into(batch, 0, picture, {.width = 640, .height = 640}));
}
BENCHMARK(letterbox)->Args({1920, 1080})->Args({640, 480})->Args({810, 1080})->UseRealTime();

void stretch_normalised(benchmark::State& state) {
  const Picture picture = noise(state.range(0), state.range(1));
  const InputFormat format{.width = 224,
                           .height = 224,
                           .fit = Fit::stretch,
                           .mean = {0.485f, 0.456f, 0.406f},
                           .deviation = {0.229f, 0.224f, 0.225f}};
  Tensor batch(DType::f32, {1, 3, 224, 224});
  for (auto _ : state) benchmark::DoNotOptimize(prepare_into(batch, 0, picture, format));
}
BENCHMARK(stretch_normalised)->Args({1920, 1080})->Args({500, 375})->UseRealTime();

void warp_cubic(benchmark::State& state) {
  const Picture picture = noise(1200, 800);
  const Projection places =
      projection_between({{{0, 0}, {400, 0}, {400, 32}, {0, 32}}}, {{{100, 90}, {498, 104}, {497, 136}, {99, 121}}});
  for (auto _ : state) {
    benchmark::DoNotOptimize(warp(picture, places, 400, 32, {.sampling = Sampling::cubic, .replicate = true}));
  }
}
BENCHMARK(warp_cubic)->UseRealTime();

void warp_affine(benchmark::State& state) {
  const Picture picture = noise(1200, 800);
  Tensor batch(DType::f32, {1, 3, 256, 192});
  const Projection places{1.7, 0.2, 100, -0.2, 1.7, 150, 0, 0, 1};
  for (auto _ : state) warp_into(batch, 0, picture, places, {.width = 192, .height = 256});
}
BENCHMARK(warp_affine)->UseRealTime();

void warp_pixels(benchmark::State& state) {
  const Picture picture = noise(state.range(0), state.range(1));
  const Projection places{0.9, 0.15, 10, -0.15, 0.9, 120, 0, 0, 1};
  for (auto _ : state) benchmark::DoNotOptimize(warp(picture, places, state.range(0), state.range(1)));
}
BENCHMARK(warp_pixels)->Args({1280, 960})->Args({320, 240})->UseRealTime();

}  // namespace
}  // namespace kiln::vision
