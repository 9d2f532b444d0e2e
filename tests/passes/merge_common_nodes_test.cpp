#include "passes/model_builder.hpp"

namespace kiln {
namespace {

TEST(MergeCommonNodes, ChainsOfEqualNodesOverEqualConstants) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3)});
  b.scalar("c1", 3);
  b.scalar("c2", 3);
  b.add("Mul", {"x", "c1"}, {"a1"});
  b.add("Mul", {"x", "c2"}, {"a2"});
  b.add("Exp", {"a1"}, {"b1"});
  b.add("Exp", {"a2"}, {"b2"});
  b.add("Sub", {"b1", "b2"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3})), (Names{"Mul", "Exp", "Sub"}));
  ModelDef after = b.model;
  optimize(after);
  EXPECT_EQ(after.graph.initializers.size(), 1u);
}

TEST(MergeCommonNodes, NotOutputsOtherAttributesOrRandomNumbers) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3)});
  b.add("Softmax", {"x"}, {"a"}, {passes::int_value("axis", 0)});
  b.add("Softmax", {"x"}, {"b"}, {passes::int_value("axis", 1)});
  b.add("Exp", {"x"}, {"c"});
  b.add("Exp", {"x"}, {"d"});
  for (const char* name : {"a", "b", "c", "d"}) b.output(name);
  EXPECT_EQ(operators_after(b, ramp({2, 3})).size(), 4u);
  ModelBuilder random;
  random.input("x", {Dim(2), Dim(3)});
  random.add("RandomNormalLike", {"x"}, {"a"});
  random.add("RandomNormalLike", {"x"}, {"b"});
  random.add("Sub", {"a", "b"}, {"y"});
  random.output("y");
  EXPECT_EQ(optimize(random.model).nodes_after, 3u);
}

TEST(MergeCommonNodes, StopsAfterAnyPatch) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3)});
  for (const char* k : {"1", "2", "3"}) {
    const std::string n = k;
    b.add("Neg", {"x"}, {"a" + n});
    b.add("Exp", {"a" + n}, {"b" + n});
    b.add("Log", {"b" + n}, {"c" + n});
  }
  b.add("Sum", {"c1", "c2", "c3"}, {"y"});
  b.output("y");
  ModelDef whole = b.model;
  const size_t all = optimize(whole, {.skip = {"raise_opset"}}).patches.size();
  EXPECT_EQ(all, 6u);
  for (size_t count = 0; count <= all; ++count) {
    ModelDef after = b.model;
    EXPECT_EQ(optimize(after, {.max_patches = count, .skip = {"raise_opset"}}).patches.size(), count);
    expect_same_answers(b.model, after, ramp({2, 3}), 0);
  }
}

}  // namespace
}  // namespace kiln
