#include <cstdlib>

#include "kernels/run_node.hpp"
#include "runtime/providers.hpp"
#include "runtime/runtime_knobs.hpp"
#include "tactics/run_tactics.hpp"

namespace kiln {
namespace {

using namespace kernel_test;

class OneDnn : public testing::Test {
 protected:
  void SetUp() override {
    provider_ = load_provider_if_there("onednn");
    if (provider_ == nullptr) GTEST_SKIP() << "Kiln was built without oneDNN, or it is not installed";
  }
  const Provider* provider_ = nullptr;
};

/// A node in its group, with what it and its epilogue should make.
struct Case {
  Node node;
  Group group;
  OpsetImports opsets{{"", 22}};
  std::vector<Tensor> inputs;
  Tensor expected;

  Case(const std::string& op, std::vector<Tensor> with, const Attributes& attributes, const Epilogue& epilogue,
       Philox& rng)
      : node(make_node(op, with, attributes, 1)), inputs(std::move(with)) {
    expected = run_node(node, 22, inputs)[0].clone();
    group.nodes = {0}, group.inputs = node.inputs, group.outputs = {9};
    group.epilogue = epilogue;
    Tensor residual;
    if (epilogue.residual != Residual::none) {
      residual = random_tensor(rng, expected.shape());
      group.residual = static_cast<int>(inputs.size());
      group.inputs.push_back(7);
      inputs.push_back(residual);
    }
    apply_epilogue(epilogue, expected, residual);
  }

  Problem problem(int threads) const {
    Problem p;
    p.group = &group;
    p.nodes = {&node};
    p.schema = find_schema("", node.op_type, 22);
    p.opsets = &opsets;
    for (size_t i = 0; i < inputs.size(); ++i) p.inputs.push_back(tactic_test::spec_of(inputs[i], i == 1 || i == 2));
    p.outputs.push_back(tactic_test::spec_of(expected, false));
    p.threads = threads;
    p.isa = best_isa();
    return p;
  }
};

/// With every tuning, in as many parts as threads and in more; returns how many tunings there were.
size_t expect_case(const Provider& provider, const Case& test, int threads, double tolerance, Philox& rng) {
  const Problem p = test.problem(threads);
  const std::span<const Tactic* const> tactics = provider_tactics(provider, test.node);
  EXPECT_EQ(tactics.size(), 1u);
  const Tactic& tactic = *tactics.front();
  EXPECT_EQ(find_known_tactic(tactic.name), &tactic);
  if (!tactic.declines(p).empty()) return 0;
  const std::vector<Tuning> tunings = tactic.tunings(p);
  for (const Tuning& tuning : tunings) {
    EXPECT_GT(tactic.cost(p, tuning), 0);
    EXPECT_EQ(provider.mismatch(tuning), "");
    const std::unique_ptr<Work> work = tactic.prepare(p, {}, tuning);
    std::vector<float> packed = rubbish(tactic.packed_floats ? tactic.packed_floats(p, tuning) : 0);
    if (tactic.pack) tactic.pack(p, tuning, packed.data());
    std::vector<const void*> in;
    for (size_t i = 0; i < test.inputs.size(); ++i) {
      const bool reads = test.inputs[i].defined() && (tactic.packs >> i & 1) == 0;
      in.push_back(reads ? test.inputs[i].raw() : nullptr);
    }
    const int64_t parts = pick(rng, 0, 2) == 0 ? pick(rng, 1, 9) : threads;
    std::vector<float> scratch(static_cast<size_t>(work->scratch_floats(parts)) + 16, NAN);
    auto* const aligned = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
    for (int run = 0; run < 2; ++run) {
      Tensor actual(DType::f32, test.expected.shape());
      std::fill_n(actual.mutable_data<float>(), actual.size(), 1e9f);
      void* out[] = {actual.mutable_raw()};
      const WorkPointers pointers{in.data(), out, packed.data(), aligned};
      for (int64_t part = parts; part-- > 0;) work->run_part(0, part, parts, pointers);
      EXPECT_LE(worst_difference(actual, test.expected), tolerance)
          << work->name() << " " << to_string(test.inputs[0].shape()) << " > " << to_string(test.expected.shape())
          << ", " << parts << " parts, " << (tactic.describe ? tactic.describe(tuning) : "");
    }
  }
  return tunings.size();
}

/// A convolution's numbers along some axes.
struct Axes {
  std::vector<int64_t> in, kernel, strides, dilations, pads;

  Axes(Philox& rng, size_t count, int64_t most) {
    for (size_t i = 0; i < count; ++i) {
      kernel.push_back(pick(rng, 1, 4)), strides.push_back(pick(rng, 1, 3));
      dilations.push_back(pick(rng, 0, 2) == 0 ? 2 : 1);
      in.push_back(pick(rng, (kernel[i] - 1) * dilations[i] + 1, most));
    }
    for (int side = 0; side < 2; ++side) {
      for (size_t i = 0; i < count; ++i) pads.push_back(pick(rng, 0, kernel[i] - 1));
    }
  }
  Attributes attributes(int64_t groups) const {
    return {{"strides", strides}, {"dilations", dilations}, {"pads", pads}, {"group", groups}};
  }
  Shape shape(int64_t n, int64_t c, const std::vector<int64_t>& of) const {
    Shape shape{n, c};
    shape.insert(shape.end(), of.begin(), of.end());
    return shape;
  }
};

TEST_F(OneDnn, ConvolutionsEqualTheReference) {
  Philox rng(71);
  size_t tried = 0, grouped = 0;
  for (int i = 0; i < 60; ++i) {
    const Axes axes(rng, static_cast<size_t>(pick(rng, 1, 3)), i % 2 == 0 ? 9 : 14);
    const int64_t groups = i % 3 == 0 ? pick(rng, 2, 5) : 1, batch = pick(rng, 1, 3);
    int64_t in = pick(rng, 1, 40) / groups + 1, out = pick(rng, 1, 70) / groups + 1;
    if (i % 6 == 0) in = out = 16;
    if (i % 9 == 0) in = out = 1;
    const Tensor x = random_tensor(rng, axes.shape(batch, in * groups, axes.in));
    const Tensor w = random_tensor(rng, axes.shape(out * groups, in, axes.kernel), 0.1);
    const Tensor b = i % 4 == 0 ? Tensor() : random_tensor(rng, {out * groups});
    const Case test("Conv", {x, w, b}, axes.attributes(groups), random_epilogue(rng), rng);
    const size_t ways = expect_case(*provider_, test, static_cast<int>(pick(rng, 1, 4)), 3e-5, rng);
    tried += ways, grouped += groups > 1 ? ways : 0;
  }
  EXPECT_GT(tried, 60u);
  EXPECT_GT(grouped, 10u);
}

TEST_F(OneDnn, TransposedConvolutionsEqualTheReference) {
  Philox rng(72);
  size_t tried = 0;
  for (int i = 0; i < 40; ++i) {
    Axes axes(rng, static_cast<size_t>(pick(rng, 1, 3)), 8);
    const size_t count = axes.in.size();
    std::vector<int64_t> more;
    bool empty = false;
    for (size_t a = 0; a < count; ++a) {
      more.push_back(pick(rng, 0, axes.strides[a] - 1));
      empty |= (axes.in[a] - 1) * axes.strides[a] + (axes.kernel[a] - 1) * axes.dilations[a] + 1 + more[a] <=
               axes.pads[a] + axes.pads[a + count];
    }
    if (empty) continue;
    const int64_t groups = i % 3 == 0 ? 2 : 1;
    const int64_t in = i % 6 == 0 ? 16 : pick(rng, 1, 30), out = i % 6 == 0 ? 16 : pick(rng, 1, 40);
    const Tensor x = random_tensor(rng, axes.shape(pick(rng, 1, 2), in * groups, axes.in));
    const Tensor w = random_tensor(rng, axes.shape(in * groups, out, axes.kernel), 0.1);
    Attributes attributes = axes.attributes(groups);
    attributes.emplace_back("output_padding", more);
    const Case test("ConvTranspose", {x, w, random_tensor(rng, {out * groups})}, attributes, random_epilogue(rng), rng);
    tried += expect_case(*provider_, test, static_cast<int>(pick(rng, 1, 3)), 3e-5, rng);
  }
  EXPECT_GT(tried, 20u);
}

TEST_F(OneDnn, PoolsEqualTheReference) {
  Philox rng(73);
  size_t tried = 0;
  for (int i = 0; i < 60; ++i) {
    const Axes axes(rng, static_cast<size_t>(pick(rng, 1, 3)), 12);
    Tensor x = random_tensor(rng, axes.shape(pick(rng, 1, 2), pick(rng, 1, 40), axes.in));
    if (i % 5 == 0) {
      float* const to = x.mutable_data<float>();
      for (int64_t k = 0; k < x.size(); ++k) to[k] = k % 3 == 0 ? -INFINITY : NAN;
    }
    const bool max = i % 2 == 0 || i % 5 == 0;
    Attributes attributes{
        {"kernel_shape", axes.kernel}, {"strides", axes.strides}, {"pads", axes.pads}, {"ceil_mode", pick(rng, 0, 1)}};
    if (!max) attributes.emplace_back("count_include_pad", pick(rng, 0, 1));
    const Case test(max ? "MaxPool" : "AveragePool", {x}, attributes, {}, rng);
    tried += expect_case(*provider_, test, static_cast<int>(pick(rng, 1, 3)), 1e-5, rng);
  }
  EXPECT_GT(tried, 30u);
}

TEST_F(OneDnn, WhatItCannotDoIsDeclined) {
  Philox rng(74);
  const Tensor x = random_tensor(rng, {1, 16, 8, 8, 8}), w = random_tensor(rng, {16, 16, 3, 3, 3});
  const Case test("Conv", {x, w, Tensor()}, {}, {}, rng);
  const Tactic& tactic = *provider_tactics(*provider_, test.node).front();
  Problem p = test.problem(2);
  EXPECT_EQ(tactic.declines(p), "");
  p.inputs[1].constant = nullptr;
  EXPECT_EQ(tactic.declines(p), "weights that are not constant");
  p = test.problem(2);
  p.isa = Isa::portable;
  EXPECT_NE(tactic.declines(p), "");
}

TEST_F(OneDnn, WeightsOfAnotherVersionAreRefused) {
  Philox rng(75);
  const Case test("MaxPool", {random_tensor(rng, {1, 16, 8, 8, 8})}, {{"kernel_shape", std::vector<int64_t>{2, 2, 2}}},
                  {}, rng);
  Tuning tuning = provider_tactics(*provider_, test.node).front()->tunings(test.problem(1)).front();
  EXPECT_NE(find_usable_tactic("onednn_pool", tuning), nullptr);
  ++tuning.numbers[1];
  EXPECT_NE(provider_->mismatch(tuning), "");
  EXPECT_THROW(find_usable_tactic("onednn_pool", tuning), Error);
}

/// Numbers that no build wrote make an Error, whatever they are.
TEST_F(OneDnn, DamagedTuningsAreRefused) {
  Philox rng(76);
  const Tensor x = random_tensor(rng, {1, 16, 4, 4, 4}), w = random_tensor(rng, {32, 16, 3, 3, 3}, 0.1);
  const Case test("Conv", {x, w, Tensor()}, {}, {}, rng);
  const Problem p = test.problem(2);
  const Tactic& tactic = *provider_tactics(*provider_, test.node).front();
  const Tuning good = tactic.tunings(p).front();
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    Tuning tuning = good;
    const int64_t which = pick(rng, 0, 3);
    tuning.numbers[static_cast<size_t>(which == 0 ? 0 : which + 2)] ^= static_cast<int32_t>(1u << rng.below(32));
    try {
      tactic.packed_floats(p, tuning);
      tactic.prepare(p, {}, tuning);
      tactic.describe(tuning);
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST(Providers, UnknownOnesAreErrors) {
  EXPECT_THROW(load_provider("twodnn"), Error);
  EXPECT_EQ(load_provider_if_there("twodnn"), nullptr);
  EXPECT_EQ(find_usable_tactic("twodnn_conv", {}), nullptr);
}

}  // namespace
}  // namespace kiln
