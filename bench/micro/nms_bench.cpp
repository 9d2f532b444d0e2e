// Leaving out overlapping boxes: 8,400 candidates as YOLO gives them for a picture of 640 x 640.
#include <benchmark/benchmark.h>

#include <random>

#include "vision/detect/boxes.hpp"

namespace {

using kiln::vision::Detection;

/// Boxes in `objects` heaps, or all over the picture where there is none.
std::vector<Detection> candidates(int64_t objects) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> place(0, 600), side(20, 160), shift(-12, 12), score(0.25f, 1);
  std::vector<Detection> heaps;
  for (int64_t i = 0; i < std::max<int64_t>(objects, 8400); ++i) {
    const float x = place(random), y = place(random);
    heaps.push_back({x, y, x + side(random), y + side(random), 0, static_cast<int64_t>(random() % 80)});
  }
  std::vector<Detection> boxes;
  for (size_t i = 0; i < 8400; ++i) {
    Detection box = heaps[objects == 0 ? i : i % static_cast<size_t>(objects)];
    box.left += shift(random);
    box.bottom += shift(random);
    box.score = score(random);
    boxes.push_back(box);
  }
  return boxes;
}

void suppress(benchmark::State& state) {
  const std::vector<Detection> boxes = candidates(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(kiln::vision::suppress(boxes, 0.45f, state.range(1) != 0, 300));
  }
}
BENCHMARK(suppress)
    ->ArgNames({"objects", "agnostic"})
    ->ArgsProduct({{0, 20, 250}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

}  // namespace
