#include <gtest/gtest.h>

#include <cmath>

#include "passes/optimize.hpp"
#include "runtime/context.hpp"

namespace kiln {
namespace {

/// A model that is written down node by node: add("Relu", {"x"}, {"y"}).
struct Builder {
  ModelDef model;

  Builder() {
    model.ir_version = 10;
    model.opset_imports[""] = 21;
    model.graph.name = "g";
  }
  void input(const std::string& name, SymShape shape) {
    model.graph.inputs.push_back(model.graph.add_value(name, Type::tensor(DType::f32, std::move(shape))));
  }
  void output(const std::string& name) { model.graph.outputs.push_back(model.graph.value_named(name)); }
  void constant(const std::string& name, Tensor tensor) {
    model.graph.initializers.push_back({.value = model.graph.value_named(name), .tensor = std::move(tensor)});
  }
  Node& add(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
    Node node;
    node.op_type = op;
    for (const std::string& name : inputs) node.inputs.push_back(model.graph.value_named(name));
    for (const std::string& name : outputs) node.outputs.push_back(model.graph.value_named(name));
    model.graph.nodes.push_back(std::move(node));
    return model.graph.nodes.back();
  }
};

Tensor ramp(Shape shape, float scale, float offset) {
  Tensor tensor(DType::f32, std::move(shape));
  float* to = tensor.mutable_data<float>();
  for (int64_t i = 0; i < tensor.size(); ++i) to[i] = std::sin(0.7f * static_cast<float>(i)) * scale + offset;
  return tensor;
}

std::vector<Tensor> run(const ModelDef& model, const Tensor& x) {
  Context context(Engine::create(model));
  const Feed feeds[] = {{"x", x}};
  std::vector<size_t> outputs;
  for (size_t i = 0; i < model.graph.outputs.size(); ++i) outputs.push_back(i);
  std::vector<Tensor> results;
  for (const Value& value : context.run(feeds, outputs)) results.push_back(value.tensor());
  return results;
}

void expect_same_answers(const ModelDef& before, const ModelDef& after, const Tensor& x, float tolerance) {
  const std::vector<Tensor> want = run(before, x), got = run(after, x);
  ASSERT_EQ(want.size(), got.size());
  for (size_t k = 0; k < want.size(); ++k) {
    ASSERT_EQ(want[k].shape(), got[k].shape());
    for (int64_t i = 0; i < want[k].size(); ++i) {
      EXPECT_NEAR(want[k].data<float>()[i], got[k].data<float>()[i], tolerance);
    }
  }
}

TEST(Passes, RemoveChainsOfIdentitiesAndKeepTheNamesOfOutputs) {
  Builder b;
  b.input("x", {Dim(2), Dim(3)});
  b.add("Relu", {"x"}, {"a"});
  b.add("Identity", {"a"}, {"b"});
  b.add("Identity", {"b"}, {"y"});
  b.add("Neg", {"b"}, {"z"});
  b.output("y");
  b.output("z");
  ModelDef after = b.model;
  const OptimizeReport report = optimize(after);
  EXPECT_EQ(report.nodes_before, 4u);
  EXPECT_EQ(report.nodes_after, 2u);
  EXPECT_EQ(after.graph.name_of(after.graph.outputs[0]), "y");
  expect_same_answers(b.model, after, ramp({2, 3}, 1, 0), 0);
}

TEST(Passes, KeepAnIdentityBetweenAnInputAndAnOutput) {
  Builder b;
  b.input("x", {Dim(2)});
  b.add("Identity", {"x"}, {"y"});
  b.output("y");
  ModelDef after = b.model;
  optimize(after);
  EXPECT_EQ(after.graph.nodes.size(), 1u);
  expect_same_answers(b.model, after, ramp({2}, 1, 0), 0);
}

TEST(Passes, ComputeWhatDoesNotDependOnTheInput) {
  Builder b;
  b.input("x", {Dim::symbol("n"), Dim(4)});
  b.constant("two", Tensor::scalar(2.0f));
  b.constant("three", Tensor::scalar(3.0f));
  b.add("Mul", {"two", "three"}, {"six"});
  b.add("Sqrt", {"six"}, {"root"});
  b.add("Mul", {"x", "root"}, {"y"});
  b.output("y");
  ModelDef after = b.model;
  optimize(after);
  EXPECT_EQ(after.graph.nodes.size(), 1u);
  expect_same_answers(b.model, after, ramp({5, 4}, 1, 0), 0);
}

TEST(Passes, FoldTheArithmeticOfKnownShapes) {
  Builder b;
  b.input("x", {Dim(2), Dim(3), Dim(4)});
  b.constant("first", Tensor::vector<int64_t>({0}));
  b.constant("rest", Tensor::vector<int64_t>({-1}));
  b.add("Shape", {"x"}, {"shape"});
  b.add("Gather", {"shape", "first"}, {"batch"});
  b.add("Concat", {"batch", "rest"}, {"target"})
      .attributes.push_back({.name = "axis", .type = AttributeType::int_, .data = int64_t{0}});
  b.add("Reshape", {"x", "target"}, {"y"});
  b.output("y");
  ModelDef after = b.model;
  optimize(after);
  EXPECT_EQ(after.graph.nodes.size(), 1u);
  expect_same_answers(b.model, after, ramp({2, 3, 4}, 1, 0), 0);
}

TEST(Passes, FoldBatchNormIntoConvWithAndWithoutBias) {
  for (const bool has_bias : {false, true}) {
    Builder b;
    b.input("x", {Dim(1), Dim(3), Dim::symbol("h"), Dim::symbol("w")});
    b.constant("w", ramp({5, 3, 3, 3}, 0.5f, 0.1f));
    b.constant("b", ramp({5}, 1, 0));
    for (const char* name : {"scale", "shift", "mean"}) b.constant(name, ramp({5}, 0.5f, 1));
    b.constant("variance", ramp({5}, 0.4f, 1));
    b.add("Conv", has_bias ? std::vector<std::string>{"x", "w", "b"} : std::vector<std::string>{"x", "w"}, {"c"});
    b.add("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"});
    b.output("y");
    ModelDef after = b.model;
    const OptimizeReport report = optimize(after);
    ASSERT_EQ(after.graph.nodes.size(), 1u);
    EXPECT_EQ(report.patches.front().pass, "fold_batch_norm");
    expect_same_answers(b.model, after, ramp({1, 3, 6, 7}, 1, 0.2f), 1e-5f);
  }
}

TEST(Passes, LeaveBatchNormAloneWhereTheConvIsReadTwice) {
  Builder b;
  b.input("x", {Dim(1), Dim(2), Dim(4)});
  b.constant("w", ramp({2, 2, 3}, 1, 0));
  for (const char* name : {"scale", "shift", "mean", "variance"}) b.constant(name, ramp({2}, 0.5f, 1));
  b.add("Conv", {"x", "w"}, {"c"});
  b.add("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"});
  b.add("Neg", {"c"}, {"z"});
  b.output("y");
  b.output("z");
  ModelDef after = b.model;
  optimize(after);
  EXPECT_EQ(after.graph.nodes.size(), 3u);
  expect_same_answers(b.model, after, ramp({1, 2, 4}, 1, 0), 0);
}

TEST(Passes, DropNodesThatNobodyReadsAndStopAfterAGivenPatch) {
  Builder b;
  b.input("x", {Dim(2)});
  b.add("Neg", {"x"}, {"unread"});
  b.add("Abs", {"unread"}, {"also_unread"});
  b.add("Relu", {"x"}, {"y"});
  b.output("y");
  ModelDef some = b.model, all = b.model;
  EXPECT_EQ(optimize(some, {.max_patches = 1}).patches.size(), 1u);
  EXPECT_EQ(some.graph.nodes.size(), 2u);
  EXPECT_EQ(optimize(all).nodes_after, 1u);
  ModelDef none = b.model;
  EXPECT_EQ(optimize(none, {.skip = {"remove_dead_nodes"}}).nodes_after, 3u);
}

}  // namespace
}  // namespace kiln
