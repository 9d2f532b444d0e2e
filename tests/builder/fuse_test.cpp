#include "builder/fuse.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/rng.hpp"
#include "passes/model_builder.hpp"

namespace kiln {
namespace {

struct Fused {
  std::shared_ptr<const EngineDef> engine;
  std::vector<Group> groups;

  explicit Fused(const ModelBuilder& builder) : engine(EngineDef::create(builder.model)) {
    groups = fuse(engine->program(), build_facts(*engine));
  }
  std::vector<std::string> ops() const {
    std::vector<std::string> texts;
    for (const Group& group : groups) {
      std::string text;
      for (size_t index : group.nodes) text += (text.empty() ? "" : "+") + engine->model().graph.nodes[index].op_type;
      texts.push_back(text);
    }
    return texts;
  }
};

ModelBuilder with_conv(int64_t channels = 16) {
  ModelBuilder builder;
  builder.input("x", {1, channels, 8, 8});
  builder.constant("w", ramp({channels, channels, 1, 1}));
  builder.add("Conv", {"x", "w"}, {"c"});
  return builder;
}

using Ops = std::vector<std::string>;

TEST(Fuse, ActivationsAndResidualsJoinTheirConvolution) {
  ModelBuilder builder = with_conv();
  builder.add("Add", {"c", "x"}, {"a"});
  builder.add("Relu", {"a"}, {"y"});
  builder.output("y");
  const Fused fused(builder);
  ASSERT_EQ(fused.ops(), Ops{"Conv+Add+Relu"});
  const Group& group = fused.groups[0];
  EXPECT_EQ(group.epilogue.activation, Activation::relu);
  EXPECT_EQ(group.epilogue.residual, Residual::before_activation);
  EXPECT_EQ(group.inputs[static_cast<size_t>(group.residual)], builder.model.graph.find_value("x"));
}

TEST(Fuse, WhatIsReadElsewhereStaysApart) {
  ModelBuilder builder = with_conv();
  builder.add("Relu", {"c"}, {"y"});
  builder.output("y");
  builder.output("c");
  EXPECT_EQ(Fused(builder).ops().size(), 2u);
}

TEST(Fuse, SigmoidAndProductAreSilu) {
  ModelBuilder builder = with_conv();
  builder.add("Sigmoid", {"c"}, {"s"});
  builder.add("Mul", {"c", "s"}, {"y"});
  builder.output("y");
  const Fused fused(builder);
  ASSERT_EQ(fused.groups.size(), 1u);
  EXPECT_EQ(fused.groups[0].epilogue.activation, Activation::silu);
}

TEST(Fuse, AScaledAndShiftedHardSwishIsOneActivation) {
  ModelBuilder builder = with_conv();
  builder.constant("scale", ramp({1}, 1, 0.5f));
  builder.constant("shift", ramp({1}, 1, 0.5f));
  builder.add("HardSwish", {"c"}, {"h"});
  builder.add("Mul", {"scale", "h"}, {"m"});
  builder.add("Add", {"m", "shift"}, {"a"});
  builder.add("Add", {"a", "x"}, {"y"});
  builder.output("y");
  const Fused fused(builder);
  ASSERT_EQ(fused.ops(), Ops{"Conv+HardSwish+Mul+Add+Add"});
  EXPECT_EQ(fused.groups[0].epilogue.activation, Activation::scaled_hard_swish);
  EXPECT_EQ(fused.groups[0].epilogue.alpha, ramp({1}, 1, 0.5f).data<float>()[0]);
  EXPECT_EQ(fused.groups[0].epilogue.beta, ramp({1}, 1, 0.5f).data<float>()[0]);
  EXPECT_EQ(fused.groups[0].epilogue.residual, Residual::after_activation);
}

TEST(Fuse, DepthwiseConvolutionsMakeTheMeansOfTheirOutputs) {
  ModelBuilder builder;
  builder.input("x", {1, 16, 8, 8});
  builder.constant("w", ramp({16, 1, 3, 3}));
  Attribute group;
  group.name = "group", group.type = AttributeType::int_, group.data = int64_t{16};
  builder.add("Conv", {"x", "w"}, {"c"}, {group});
  builder.add("Relu", {"c"}, {"r"});
  builder.add("GlobalAveragePool", {"r"}, {"mean"});
  builder.add("Mul", {"r", "mean"}, {"y"});
  builder.output("y");
  const Fused fused(builder);
  EXPECT_EQ(fused.ops(), (Ops{"Conv+Relu+GlobalAveragePool", "Mul"}));
  EXPECT_EQ(fused.groups[0].outputs.size(), 2u);
}

/// Random graphs of convolutions and elementwise nodes: every node is in one group, and every value is made before it
/// is read.
TEST(Fuse, KeepsEveryNodeAndTheOrder) {
  Philox random(7);
  for (int round = 0; round < 100; ++round) {
    ModelBuilder builder;
    builder.input("v0", {1, 8, 4, 4});
    builder.constant("w", ramp({8, 8, 1, 1}));
    const int count = 3 + static_cast<int>(random.below(20));
    const auto any = [&](int before) { return "v" + std::to_string(random.below(static_cast<uint64_t>(before))); };
    for (int i = 1; i <= count; ++i) {
      const std::string to = "v" + std::to_string(i);
      switch (random.below(5)) {
        case 0: builder.add("Conv", {any(i), "w"}, {to}); break;
        case 1: builder.add("Add", {any(i), any(i)}, {to}); break;
        case 2: builder.add("Mul", {any(i), any(i)}, {to}); break;
        case 3: builder.add("Sigmoid", {any(i)}, {to}); break;
        default: builder.add("Relu", {any(i)}, {to}); break;
      }
    }
    builder.output("v" + std::to_string(count));
    if (random.below(2) == 0) builder.output("v1");
    const Fused fused(builder);
    std::set<size_t> nodes;
    std::set<ValueId> made;
    for (const Group& group : fused.groups) {
      for (ValueId id : group.inputs) {
        const bool outside =
            id == no_value || id == builder.model.graph.find_value("v0") || id == builder.model.graph.find_value("w");
        EXPECT_TRUE(outside || made.contains(id)) << "round " << round;
      }
      for (size_t index : group.nodes) EXPECT_TRUE(nodes.insert(index).second);
      for (ValueId id : group.outputs) EXPECT_TRUE(made.insert(id).second);
    }
    EXPECT_EQ(nodes.size(), static_cast<size_t>(count));
    for (ValueId id : builder.model.graph.outputs) EXPECT_TRUE(made.contains(id));
  }
}

}  // namespace
}  // namespace kiln
