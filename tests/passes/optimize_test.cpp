#include "passes/model_builder.hpp"

namespace kiln {
namespace {

TEST(Passes, RemoveChainsOfIdentitiesAndKeepTheNamesOfOutputs) {
  ModelBuilder b;
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
  ModelBuilder b;
  b.input("x", {Dim(2)});
  b.add("Identity", {"x"}, {"y"});
  b.output("y");
  ModelDef after = b.model;
  optimize(after);
  EXPECT_EQ(after.graph.nodes.size(), 1u);
  expect_same_answers(b.model, after, ramp({2}, 1, 0), 0);
}

TEST(Passes, ComputeWhatDoesNotDependOnTheInput) {
  ModelBuilder b;
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

TEST(Passes, ReadWeightsOf16BitsAs32Once) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(64)});
  Tensor halves(DType::f16, {64, 64});
  std::fill_n(static_cast<uint16_t*>(halves.mutable_raw()), halves.size(), uint16_t{0x3800});
  b.constant("halves", std::move(halves));
  b.add("Cast", {"halves"}, {"weights"}, {passes::int_value("to", static_cast<int64_t>(DType::f32))});
  b.add("MatMul", {"x", "weights"}, {"y"});
  b.output("y");
  ModelDef after = b.model;
  optimize(after);
  EXPECT_EQ(after.graph.nodes.size(), 1u);
  expect_same_answers(b.model, after, ramp({2, 64}, 1, 0), 0);
}

TEST(Passes, FoldTheArithmeticOfKnownShapes) {
  ModelBuilder b;
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

TEST(Passes, DropNodesThatNobodyReadsAndStopAfterAGivenPatch) {
  ModelBuilder b;
  b.input("x", {Dim(2)});
  b.add("Exp", {"x"}, {"unread"});
  b.add("Abs", {"unread"}, {"also_unread"});
  b.add("Relu", {"x"}, {"y"});
  b.output("y");
  ModelDef some = b.model, all = b.model;
  EXPECT_EQ(optimize(some, {.max_patches = 1, .skip = {"raise_opset"}}).patches.size(), 1u);
  EXPECT_EQ(some.graph.nodes.size(), 2u);
  EXPECT_EQ(optimize(all).nodes_after, 1u);
  ModelDef none = b.model;
  EXPECT_EQ(optimize(none, {.skip = {"remove_dead_nodes"}}).nodes_after, 3u);
}

TEST(Passes, CountWhatTheySave) {
  ModelBuilder b;
  b.input("x", {Dim::symbol("n"), Dim(4)});
  b.constant("w", ramp({4, 6}));
  b.scalar("s", 2.0f);
  b.add("MatMul", {"x", "w"}, {"p"}).name = "product";
  b.add("Mul", {"p", "s"}, {"q"}).name = "scale";
  b.add("Identity", {"q"}, {"y"}).name = "same";
  b.output("y");
  const std::map<std::string, Shape> shapes{{"x", {10, 4}}}, open;
  const auto saved = [&](const std::map<std::string, Shape>& of) {
    ModelDef model = b.model;
    const OptimizeReport report = optimize(model, {.skip = {"raise_opset"}, .count_savings_for = &of});
    EXPECT_EQ(model.graph.nodes.size(), 1u);
    Saving sum{.is_counted = true};
    for (const AppliedPatch& patch : report.patches) {
      sum.nodes += patch.saved.nodes, sum.flops += patch.saved.flops, sum.bytes += patch.saved.bytes;
      sum.is_counted = sum.is_counted && patch.saved.is_counted;
    }
    return sum;
  };
  const Saving all = saved(shapes);
  EXPECT_TRUE(all.is_counted);
  EXPECT_EQ(all.nodes, 2);
  EXPECT_EQ(all.flops, 60) << "a multiplication for each element";
  EXPECT_EQ(all.bytes, 4 * (60 + 1 + 60));
  const Saving unknown = saved(open);
  EXPECT_EQ(unknown.nodes, 2);
  EXPECT_FALSE(unknown.is_counted);
  EXPECT_EQ(unknown.flops, 0);
}

}  // namespace
}  // namespace kiln
