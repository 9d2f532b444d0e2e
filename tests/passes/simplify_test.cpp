#include "passes/model_builder.hpp"

namespace kiln {
namespace {

using passes::float_value;
using passes::int_value;
using passes::ints_value;

ModelBuilder of_x(SymShape shape) {
  ModelBuilder b(21);
  b.input("x", std::move(shape));
  b.output("y");
  return b;
}

Attribute text(std::string name, std::string value) {
  return {.name = std::move(name), .type = AttributeType::string, .data = std::move(value), .ref_name = {}, .doc = {}};
}

TEST(SimplifyArithmetic, PowersAndPowersOfTwo) {
  for (const auto& [exponent, want] : {std::pair{2.0f, Names{"Mul"}}, std::pair{3.0f, Names{"Mul", "Mul"}},
                                       std::pair{0.5f, Names{"Sqrt"}}, std::pair{2.5f, Names{"Pow"}}}) {
    ModelBuilder b = of_x({Dim(2), Dim(3)});
    b.scalar("e", exponent);
    b.add("Pow", {"x", "e"}, {"y"});
    EXPECT_EQ(operators_after(b, ramp({2, 3}, 0.5f, 1), 1e-6f), want);
  }
  for (const float last : {0.125f, 3.0f}) {
    ModelBuilder b = of_x({Dim(2), Dim(3)});
    b.constant("d", Tensor::vector<float>({2, -4, last}));
    b.add("Div", {"x", "d"}, {"y"});
    EXPECT_EQ(operators_after(b, ramp({2, 3})), Names{last == 3 ? "Div" : "Mul"});
  }
}

TEST(RecognisePools, MeansOverAllSpatialAxes) {
  for (const bool keeps : {true, false}) {
    ModelBuilder b = of_x({Dim(2), Dim(3), Dim(4), Dim(5)});
    b.ints("axes", {-1, 2});
    b.add("ReduceMean", {"x", "axes"}, {"y"}, {int_value("keepdims", keeps ? 1 : 0)});
    const Names found = operators_after(b, ramp({2, 3, 4, 5}), 1e-6f);
    EXPECT_EQ(found, keeps ? Names{"GlobalAveragePool"} : (Names{"GlobalAveragePool", "Squeeze"}));
  }
  ModelBuilder b = of_x({Dim(2), Dim(3), Dim(4), Dim(5)});
  b.ints("axes", {1, 2});
  b.add("ReduceMean", {"x", "axes"}, {"y"});
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4, 5})), Names{"ReduceMean"});
}

TEST(RaiseMeans, BeforePointwiseConvsThatDoNotShrink) {
  const auto found = [](Shape weights, Shape bias, std::vector<int64_t> strides, bool shared) {
    ModelBuilder b = of_x({Dim(2), Dim(4), Dim(5), Dim(6)});
    b.constant("w", ramp(std::move(weights)));
    b.constant("b", ramp(std::move(bias)));
    b.add("Conv", {"x", "w", "b"}, {"c"}, {ints_value("strides", std::move(strides))});
    b.add("GlobalAveragePool", {"c"}, {"m"});
    b.add(shared ? "Mul" : "Relu", shared ? std::vector<std::string>{"c", "m"} : std::vector<std::string>{"m"}, {"y"});
    return operators_after(b, ramp({2, 4, 5, 6}), 1e-3f);
  };
  EXPECT_EQ(found({4, 4, 1, 1}, {4}, {1, 1}, false), (Names{"GlobalAveragePool", "Conv", "Relu"}));
  EXPECT_EQ(found({8, 4, 1, 1}, {8}, {1, 1}, true), (Names{"Conv", "GlobalAveragePool", "Conv", "Mul"}));
  EXPECT_EQ(found({2, 4, 1, 1}, {2}, {1, 1}, true), (Names{"Conv", "GlobalAveragePool", "Mul"}));
  EXPECT_EQ(found({8, 4, 1, 1}, {8}, {2, 2}, true), (Names{"Conv", "GlobalAveragePool", "Mul"}));
  EXPECT_EQ(found({8, 4, 3, 3}, {8}, {1, 1}, true), (Names{"Conv", "GlobalAveragePool", "Mul"}));
}

TEST(RaiseMeans, LeavesGroupsOfNoChannels) {
  // No output channels can be shared by any number of groups, and 8 channels in each of 2^61 would be none in 64 bits.
  ModelBuilder b = of_x({Dim(1), Dim::symbol("c"), Dim(2), Dim(2)});
  b.constant("w", Tensor(DType::f32, {0, 8, 1, 1}));
  b.add("Conv", {"x", "w"}, {"c"}, {int_value("group", int64_t{1} << 61)});
  b.add("GlobalAveragePool", {"c"}, {"m"});
  b.add("Mul", {"c", "m"}, {"y"});
  for (const auto& patch : optimize(b.model).patches) EXPECT_NE(patch.pass, "raise_means");
}

TEST(RecogniseRectifiers, HardSigmoid) {
  ModelBuilder b = of_x({Dim(2), Dim(9)});
  b.scalar("three", 3);
  b.scalar("zero", 0);
  b.scalar("six", 6);
  b.add("Add", {"three", "x"}, {"a"});
  b.add("Clip", {"a", "zero", "six"}, {"c"});
  b.add("Div", {"c", "six"}, {"y"});
  EXPECT_EQ(operators_after(b, ramp({2, 9}, 5), 1e-6f), Names{"HardSigmoid"});
}

TEST(RecogniseRectifiers, LeakyReluAndPRelu) {
  ModelBuilder leaky = of_x({Dim(2), Dim(9)});
  leaky.scalar("a", 0.1f);
  leaky.add("Mul", {"a", "x"}, {"m"});
  leaky.add("Max", {"m", "x"}, {"y"});
  EXPECT_EQ(operators_after(leaky, ramp({2, 9}, 5), 1e-6f), Names{"LeakyRelu"});
  for (const bool by_abs : {true, false}) {
    ModelBuilder b = of_x({Dim(2), Dim(3), Dim(4)});
    b.constant("s", ramp({3, 1}, 1, 0.2f));
    b.scalar("half", 0.5f);
    b.add("Relu", {"x"}, {"p"});
    if (by_abs) {
      b.add("Abs", {"x"}, {"abs"});
      b.add("Sub", {"x", "abs"}, {"n"});
      b.add("Mul", {"n", "half"}, {"h"});
      b.add("Mul", {"s", "h"}, {"q"});
      b.add("Add", {"p", "q"}, {"y"});
    } else {
      b.add("Neg", {"x"}, {"n"});
      b.add("Relu", {"n"}, {"h"});
      b.add("Mul", {"h", "s"}, {"q"});
      b.add("Sub", {"p", "q"}, {"y"});
    }
    EXPECT_EQ(operators_after(b, ramp({2, 3, 4}, 2), 1e-6f), Names{"PRelu"});
  }
}

// Zeros of both signs, NaN and infinities as they were: the answers are compared to the bit.
TEST(RecogniseRectifiers, PReluOfOneSlopeIsALeakyRelu) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  Tensor x = ramp({2, 3, 4}, 2);
  const float odd[] = {0.0f, -0.0f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), -1e-45f};
  std::copy(std::begin(odd), std::end(odd), x.mutable_data<float>());
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{1, 1}, Shape{1, 1, 1}}) {
    for (const float slope : {0.25f, -0.5f, 0.0f, 1.0f, infinity}) {
      ModelBuilder b = of_x({Dim(2), Dim::symbol("c"), Dim(4)});
      Tensor slopes(DType::f32, shape);
      *slopes.mutable_data<float>() = slope;
      b.constant("s", slopes);
      b.add("PRelu", {"x", "s"}, {"y"});
      ModelDef after = b.model;
      optimize(after, {});
      ASSERT_EQ(after.graph.nodes.size(), 1u);
      EXPECT_EQ(after.graph.nodes[0].op_type, "LeakyRelu");
      EXPECT_TRUE(equal_bits(run(b.model, x)[0], run(after, x)[0])) << "a slope of " << slope;
    }
  }
}

TEST(RecogniseRectifiers, OtherPRelusStay) {
  ModelBuilder several = of_x({Dim(2), Dim(3), Dim(4)});
  several.constant("s", ramp({3, 1}, 1, 0.2f));
  several.add("PRelu", {"x", "s"}, {"y"});
  EXPECT_EQ(operators_after(several, ramp({2, 3, 4}, 2)), Names{"PRelu"});
  // A slope that a caller gives.
  ModelBuilder given = of_x({Dim(2), Dim(3), Dim(4)});
  given.add("ReduceMax", {"x"}, {"s"}, {passes::int_value("keepdims", 0)});
  given.add("PRelu", {"x", "s"}, {"y"});
  EXPECT_EQ(operators_after(given, ramp({2, 3, 4}, 2)), (Names{"ReduceMax", "PRelu"}));
}

TEST(RecogniseGroupNorm, BetweenTwoReshapes) {
  for (const bool scaled : {true, false}) {
    ModelBuilder b = of_x({Dim::symbol("n"), Dim(4), Dim(3), Dim(2)});
    b.ints("groups", {0, 2, -1});
    b.constant("one", Tensor::vector<float>({1, 2}));
    b.constant("zero", Tensor::vector<float>({0, 0.5f}));
    b.add("Reshape", {"x", "groups"}, {"g"});
    b.add("InstanceNormalization", {"g", "one", "zero"}, {"i"}, {float_value("epsilon", 1e-3f)});
    b.add("Shape", {"x"}, {"shape"});
    b.add("Reshape", {"i", "shape"}, {scaled ? "r" : "y"});
    if (scaled) {
      b.constant("w", ramp({4, 1, 1}));
      b.constant("c", ramp({1, 4, 1, 1}, 2));
      b.add("Mul", {"r", "w"}, {"m"});
      b.add("Add", {"c", "m"}, {"y"});
    }
    EXPECT_EQ(operators_after(b, ramp({2, 4, 3, 2}), 1e-5f), Names{"GroupNormalization"});
  }
}

TEST(ExpandEinsum, ProductsOfMatrices) {
  ModelBuilder b = of_x({Dim(2), Dim(3), Dim(4), Dim(5)});
  b.constant("k", ramp({2, 6, 4, 5}));
  b.add("Einsum", {"x", "k"}, {"y"}, {text("equation", "bqhd, bkhd -> bhqk")});
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4, 5}), 1e-5f), (Names{"Transpose", "MatMul"}));
  ModelBuilder c = of_x({Dim(3), Dim(4)});
  c.constant("k", ramp({3, 4}));
  c.add("Einsum", {"x", "k"}, {"y"}, {text("equation", "ij,ij->i")});
  EXPECT_EQ(operators_after(c, ramp({3, 4}), 1e-5f), Names{"Einsum"});
}

TEST(SimplifyResize, SizesThatAreMultiples) {
  for (const int64_t width : {10, 7}) {
    ModelBuilder b = of_x({Dim(1), Dim(2), Dim(3), Dim(5)});
    b.ints("sizes", {1, 2, 6, width});
    b.constant("roi", Tensor(DType::f32, {0}));
    b.add("Resize", {"x", "roi", "", "sizes"}, {"y"}, {text("mode", "linear")});
    ModelDef after = b.model;
    optimize(after);
    EXPECT_EQ(after.graph.nodes[0].inputs.size(), width == 10 ? 3u : 4u);
    EXPECT_EQ(after.graph.nodes[0].inputs[1], no_value);
    expect_same_answers(b.model, after, ramp({1, 2, 3, 5}), 0);
  }
}

}  // namespace
}  // namespace kiln
