#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <span>

#include "tactics/node_problem.hpp"

namespace kiln::tactic_test {
namespace {

using namespace kernel_test;

std::vector<float> packed_by(const Tactic& tactic, const Problem& problem, const Tuning& tuning) {
  std::vector<float> packed(static_cast<size_t>(tactic.packed_floats(problem, tuning)), 0.0f);
  packed.resize(packed.size() + 32);
  tactic.pack(problem, tuning, packed.data());
  return packed;
}

/// What Tactic::packed_by says must hold: tunings that it makes equal pack the same, for inputs of any size.
size_t expect_same_packing(const std::vector<NodeProblem>& sizes, Isa isa) {
  size_t compared = 0;
  std::map<std::pair<const Tactic*, std::array<int32_t, 8>>, std::vector<float>> seen;
  for (const NodeProblem& size : sizes) {
    const Problem problem = size.problem(isa);
    for (const Tactic* tactic : tactics_for(problem.anchor())) {
      if (tactic->pack == nullptr || !tactic->declines(problem).empty()) continue;
      for (const Tuning& tuning : tactic->tunings(problem)) {
        const std::vector<float> packed = packed_by(*tactic, problem, tuning);
        const auto [place, is_new] = seen.emplace(std::pair(tactic, packing_of(*tactic, tuning).numbers), packed);
        if (is_new) continue;
        ++compared;
        const bool same = place->second.size() == packed.size() &&
                          std::memcmp(place->second.data(), packed.data(), packed.size() * sizeof(float)) == 0;
        EXPECT_TRUE(same) << tactic->name << " " << (tactic->describe == nullptr ? "" : tactic->describe(tuning));
      }
    }
  }
  return compared;
}

TEST(Packing, DependsOnWhatTacticsSay) {
  Philox rng(7);
  const Attributes pads{{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  const Attributes strided{{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}};
  struct Layer {
    std::string op;
    Shape weights;
    int64_t channels;
    Attributes attributes;
  };
  const std::vector<Layer> layers = {{"Conv", {96, 64, 3, 3}, 64, pads},
                                     {"Conv", {64, 48, 3, 3}, 48, strided},
                                     {"Conv", {96, 64, 1, 1}, 64, {}},
                                     {"Conv", {32, 3, 3, 3}, 3, strided},
                                     {"Conv", {32, 1, 3, 3}, 32, {{"group", int64_t{32}}}},
                                     {"ConvTranspose", {64, 64, 4, 4}, 64, strided},
                                     {"ConvTranspose", {32, 1, 2, 2}, 32, {{"strides", std::vector<int64_t>{2, 2}}}}};
  std::vector<std::vector<NodeProblem>> all;
  for (const Layer& layer : layers) {
    const Tensor weights = random_tensor(rng, layer.weights);
    std::vector<NodeProblem>& sizes = all.emplace_back();
    for (const int64_t side : {6, 13, 20}) {
      const Tensor picture = random_tensor(rng, {1, layer.channels, side, side + 3});
      sizes.emplace_back(layer.op, std::vector<Tensor>{picture, weights}, layer.attributes);
    }
  }
  const Tensor matrix = random_tensor(rng, {96, 160});
  std::vector<NodeProblem>& products = all.emplace_back();
  for (const int64_t rows : {1, 7, 200}) {
    products.emplace_back("MatMul", std::vector<Tensor>{random_tensor(rng, {rows, 96}), matrix}, Attributes{});
  }
  for (const Isa isa : kernel_test::usable_isas()) {
    size_t compared = 0;
    for (const std::vector<NodeProblem>& sizes : all) compared += expect_same_packing(sizes, isa);
    EXPECT_GT(compared, 100u);
  }
}

}  // namespace
}  // namespace kiln::tactic_test
