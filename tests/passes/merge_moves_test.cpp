#include "passes/model_builder.hpp"

namespace kiln {
namespace {

TEST(MergeTransposes, IntoOneOrNone) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3), Dim(4)});
  b.add("Transpose", {"x"}, {"a"}, {passes::ints_value("perm", {1, 2, 0})});
  b.add("Transpose", {"a"}, {"b"}, {passes::ints_value("perm", {0, 2, 1})});
  b.add("Transpose", {"b"}, {"c"});
  b.add("Relu", {"c"}, {"y"});
  b.add("Transpose", {"a"}, {"d"}, {passes::ints_value("perm", {2, 0, 1})});
  b.add("Neg", {"d"}, {"z"});
  b.output("y");
  b.output("z");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4})), (Names{"Transpose", "Relu", "Neg"}));
}

TEST(MergeTransposes, KeepsTheFirstWhereItIsAnOutput) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3)});
  b.add("Transpose", {"x"}, {"a"});
  b.add("Transpose", {"a"}, {"y"});
  b.output("a");
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3})), (Names{"Transpose", "Reshape"}));
}

TEST(MergeReshapes, IntoOneWithWhatIsKnown) {
  ModelBuilder b;
  b.input("x", {Dim::symbol("n"), Dim(3), Dim(4)});
  b.ints("target", {0, 12, 1});
  b.ints("axes", {2});
  b.ints("front", {0});
  b.add("Reshape", {"x", "target"}, {"a"});
  b.add("Squeeze", {"a", "axes"}, {"b"});
  b.add("Unsqueeze", {"b", "front"}, {"c"});
  b.add("Flatten", {"c"}, {"d"}, {passes::int_value("axis", 2)});
  b.add("Relu", {"d"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4})), (Names{"Relu", "Reshape"}));
}

TEST(MergeReshapes, LeavesShapesThatNoTargetCanSay) {
  ModelBuilder b;
  b.input("x", {Dim::symbol("n"), Dim::symbol("m"), Dim(4)});
  b.ints("front", {0});
  b.add("Flatten", {"x"}, {"a"}, {passes::int_value("axis", 2)});
  b.add("Unsqueeze", {"a", "front"}, {"b"});
  b.add("Unsqueeze", {"b", "front"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4})), (Names{"Reshape"}));
  ModelBuilder c;
  c.input("x", {Dim::symbol("n"), Dim::symbol("m"), Dim(4)});
  c.ints("front", {0});
  c.ints("last", {3});
  c.add("Unsqueeze", {"x", "front"}, {"a"});
  c.add("Unsqueeze", {"a", "last"}, {"y"});
  c.output("y");
  EXPECT_EQ(operators_after(c, ramp({2, 3, 4})), (Names{"Unsqueeze", "Unsqueeze"}));
}

TEST(FoldShapes, GivesReshapeAConstantTarget) {
  ModelBuilder b;
  b.input("x", {Dim::symbol("n"), Dim::symbol("m"), Dim(8)});
  b.ints("zero", {0});
  b.ints("one", {1});
  b.ints("heads", {2, 4});
  b.add("Shape", {"x"}, {"shape"});
  b.add("Gather", {"shape", "zero"}, {"n"});
  b.add("Gather", {"shape", "one"}, {"m"});
  b.add("Concat", {"n", "m", "heads"}, {"target"}, {passes::int_value("axis", 0)});
  b.add("Reshape", {"x", "target"}, {"a"});
  b.add("Transpose", {"a"}, {"y"}, {passes::ints_value("perm", {0, 2, 1, 3})});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 8})), (Names{"Reshape", "Transpose"}));
  EXPECT_EQ(operators_after(b, ramp({0, 3, 8})), (Names{"Reshape", "Transpose"}));
}

TEST(FoldShapes, LeavesTwoDimsThatAreNotCopies) {
  ModelBuilder b;
  b.input("x", {Dim::symbol("n"), Dim::symbol("m"), Dim(8)});
  b.ints("turned", {1, 0, 2});
  b.add("Shape", {"x"}, {"shape"});
  b.add("Gather", {"shape", "turned"}, {"target"});
  b.add("Reshape", {"x", "target"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 8})), (Names{"Shape", "Gather", "Reshape"}));
}

TEST(MergeCasts, DropsWhatLosesNothing) {
  const auto to = [](DType dtype) { return passes::int_value("to", static_cast<int64_t>(dtype)); };
  ModelBuilder b;
  b.input("x", {Dim(4)});
  b.add("Cast", {"x"}, {"a"}, {to(DType::f64)});
  b.add("Cast", {"a"}, {"b"}, {to(DType::f32)});
  b.add("Relu", {"b"}, {"y"});
  b.add("Cast", {"x"}, {"c"}, {to(DType::i32)});
  b.add("Cast", {"c"}, {"d"}, {to(DType::f32)});
  b.add("Relu", {"d"}, {"z"});
  b.output("y");
  b.output("z");
  EXPECT_EQ(operators_after(b, ramp({4}, 3)), (Names{"Relu", "Cast", "Cast", "Relu"}));
}

TEST(MergeUnaries, DoubleNegationsAndIdempotentOperators) {
  ModelBuilder b;
  b.input("x", {Dim(4)});
  b.add("Neg", {"x"}, {"a"});
  b.add("Neg", {"a"}, {"b"});
  b.add("Sigmoid", {"b"}, {"c"});
  b.add("Relu", {"c"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({4})), Names{"Sigmoid"});
}

TEST(MergeClips, BetweenTheNarrowerBounds) {
  for (const int64_t opset : {int64_t{8}, int64_t{13}}) {
    for (const bool relu_first : {true, false}) {
      ModelBuilder b(opset);
      b.input("x", {Dim(20)});
      if (relu_first) b.add("Relu", {"x"}, {"a"});
      Node& clip = b.add("Clip", {relu_first ? "a" : "x"}, {relu_first ? "y" : "a"});
      if (opset < 11) {
        clip.attributes = {passes::float_value("min", -1), passes::float_value("max", 0.5f)};
      } else {
        b.scalar("low", -1);
        b.scalar("high", 0.5f);
        for (const char* name : {"low", "high"}) {
          b.model.graph.nodes.back().inputs.push_back(b.model.graph.find_value(name));
        }
      }
      if (!relu_first) b.add("Relu", {"a"}, {"y"});
      b.output("y");
      EXPECT_EQ(operators_after(b, ramp({20}, 3)), Names{"Clip"});
    }
  }
}

TEST(MergeClips, NotWhereNothingIsBetween) {
  ModelBuilder b;
  b.input("x", {Dim(20)});
  b.scalar("low", -2);
  b.scalar("high", -1);
  b.add("Clip", {"x", "low", "high"}, {"a"});
  b.add("Relu", {"a"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({20}, 3)), (Names{"Clip", "Relu"}));
}

TEST(SinkTransposes, ThroughElementwiseNodesToTheNextOne) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3), Dim(4)});
  b.scalar("two", 2);
  b.add("Transpose", {"x"}, {"a"}, {passes::ints_value("perm", {0, 2, 1})});
  b.add("Mul", {"two", "a"}, {"b"});
  b.add("Softmax", {"b"}, {"c"}, {passes::int_value("axis", 1)});
  b.add("Relu", {"c"}, {"d"});
  b.add("Transpose", {"d"}, {"y"}, {passes::ints_value("perm", {0, 2, 1})});
  b.output("y");
  const OptimizeOptions plain{.skip = {"merge_unaries"}};
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4}), 1e-6f, plain), (Names{"Mul", "Softmax", "Relu"}));
}

TEST(SinkTransposes, OfBothSidesOfASum) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3), Dim(4)});
  b.add("Exp", {"x"}, {"e"});
  for (const char* name : {"x", "e"}) {
    b.add("Transpose", {name}, {std::string(name) + "t"}, {passes::ints_value("perm", {2, 0, 1})});
  }
  b.add("Sub", {"xt", "et"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4})), (Names{"Exp", "Sub", "Transpose"}));
}

TEST(SinkTransposes, NotWhereNoneIsSaved) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3), Dim(4)});
  b.add("Transpose", {"x"}, {"a"}, {passes::ints_value("perm", {0, 2, 1})});
  b.add("Relu", {"a"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4})), (Names{"Transpose", "Relu"}));
}

}  // namespace
}  // namespace kiln
