#include "passes/model_builder.hpp"

namespace kiln {
namespace {

const OptimizeOptions as_it_is{.skip = {"raise_opset"}};

enum class Deviation { div, reciprocal, quotient };

ModelBuilder layer_norm(int64_t opset, Deviation deviation, bool by_mul, bool centred = true) {
  ModelBuilder b(opset);
  b.input("x", {Dim(2), Dim::symbol("n"), Dim(6)});
  b.scalar("two", 2);
  b.scalar("one", 1);
  b.scalar("epsilon", 1e-5f);
  b.constant("scale", ramp({6}, 0.5f, 1));
  b.constant("shift", ramp({6}));
  b.ints("axes", {-1});
  const auto mean = [&](const std::string& from, const std::string& to) {
    if (opset >= 18) {
      b.add("ReduceMean", {from, "axes"}, {to});
    } else {
      b.add("ReduceMean", {from}, {to}, {passes::ints_value("axes", {-1})});
    }
  };
  if (centred) {
    mean("x", "mean");
    b.add("Sub", {"x", "mean"}, {"d"});
  } else {
    b.add("Relu", {"x"}, {"d"});
  }
  b.add(by_mul ? "Mul" : "Pow", {"d", by_mul ? "d" : "two"}, {"squares"});
  mean("squares", "variance");
  b.add("Add", {"variance", "epsilon"}, {"sum"});
  b.add("Sqrt", {"sum"}, {"root"});
  if (deviation == Deviation::div) {
    b.add("Div", {"d", "root"}, {"norm"});
  } else {
    if (deviation == Deviation::reciprocal) b.add("Reciprocal", {"root"}, {"inverse"});
    if (deviation == Deviation::quotient) b.add("Div", {"one", "root"}, {"inverse"});
    b.add("Mul", {"d", "inverse"}, {"norm"});
  }
  b.add("Mul", {"scale", "norm"}, {"scaled"});
  b.add("Add", {"scaled", "shift"}, {"y"});
  b.output("y");
  return b;
}

TEST(RecogniseNorms, LayerNormalizationInItsForms) {
  for (const Deviation deviation : {Deviation::div, Deviation::reciprocal, Deviation::quotient}) {
    for (const int64_t opset : {int64_t{17}, int64_t{21}}) {
      const ModelBuilder b = layer_norm(opset, deviation, opset == 21);
      EXPECT_EQ(operators_after(b, ramp({2, 3, 6}), 1e-5f), Names{"LayerNormalization"});
    }
  }
}

TEST(RecogniseNorms, RmsNormalizationWhereTheOpsetHasIt) {
  const Names found = operators_after(layer_norm(23, Deviation::reciprocal, false, false), ramp({2, 3, 6}), 1e-5f);
  EXPECT_EQ(found, (Names{"Relu", "RMSNormalization", "Add"}));
  EXPECT_EQ(operators_after(layer_norm(22, Deviation::div, false, false), ramp({2, 3, 6}), 0, as_it_is).size(), 8u);
}

TEST(RecogniseNorms, NotInOldOpsetsAndNotWhereAPartIsReadElsewhere) {
  EXPECT_EQ(operators_after(layer_norm(16, Deviation::div, false), ramp({2, 3, 6}), 0, as_it_is).size(), 9u);
  ModelBuilder b = layer_norm(17, Deviation::div, false);
  b.output("variance");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 6})).size(), 9u);
}

TEST(RecogniseGelu, ByErfInAnyOrder) {
  for (const int order : {0, 1, 2}) {
    for (const int64_t opset : {int64_t{19}, int64_t{20}}) {
      ModelBuilder b(opset);
      b.input("x", {Dim(2), Dim(9)});
      b.scalar("half", 0.5f);
      b.scalar("one", 1);
      b.scalar("two", 2);
      b.scalar("root", std::sqrt(2.0f));
      b.add("Neg", {"x"}, {"n"});
      b.add("Div", {"n", "root"}, {"a"});
      b.add("Erf", {"a"}, {"e"});
      b.add("Add", {"one", "e"}, {"s"});
      if (order == 0) {
        b.add("Mul", {"n", "s"}, {"p"});
        b.add("Mul", {"p", "half"}, {"y"});
      } else if (order == 1) {
        b.add("Mul", {"half", "n"}, {"p"});
        b.add("Mul", {"s", "p"}, {"y"});
      } else {
        b.add("Div", {"s", "two"}, {"p"});
        b.add("Mul", {"n", "p"}, {"y"});
      }
      b.output("y");
      const Names found = operators_after(b, ramp({2, 9}, 3), 1e-6f, as_it_is);
      if (opset == 20) {
        EXPECT_EQ(found, (Names{"Neg", "Gelu"}));
      } else {
        EXPECT_EQ(found.size(), 6u);
      }
    }
  }
}

TEST(RecogniseGelu, ByTanhInBothForms) {
  for (const bool factored : {false, true}) {
    ModelBuilder b(20);
    b.input("x", {Dim(2), Dim(9)});
    b.scalar("half", 0.5f);
    b.scalar("one", 1);
    b.scalar("three", 3);
    b.scalar("small", 0.044715f);
    b.scalar("root", 0.7978845608f);
    if (factored) {
      b.add("Mul", {"x", "x"}, {"p"});
      b.add("Mul", {"p", "small"}, {"q"});
      b.add("Add", {"q", "one"}, {"r"});
      b.add("Mul", {"x", "root"}, {"t"});
      b.add("Mul", {"t", "r"}, {"u"});
    } else {
      b.add("Pow", {"x", "three"}, {"p"});
      b.add("Mul", {"small", "p"}, {"q"});
      b.add("Add", {"x", "q"}, {"r"});
      b.add("Mul", {"r", "root"}, {"u"});
    }
    b.add("Tanh", {"u"}, {"v"});
    b.add("Add", {"v", "one"}, {"s"});
    b.add("Mul", {"half", "x"}, {"h"});
    b.add("Mul", {"h", "s"}, {"y"});
    b.output("y");
    EXPECT_EQ(operators_after(b, ramp({2, 9}, 3), 1e-6f), Names{"Gelu"});
  }
}

TEST(RecogniseGelu, NotWithOtherNumbers) {
  ModelBuilder b(20);
  b.input("x", {Dim(2), Dim(9)});
  b.scalar("half", 0.5f);
  b.scalar("one", 1);
  b.scalar("root", 1.5f);
  b.add("Div", {"x", "root"}, {"a"});
  b.add("Erf", {"a"}, {"e"});
  b.add("Add", {"one", "e"}, {"s"});
  b.add("Mul", {"x", "s"}, {"p"});
  b.add("Mul", {"p", "half"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 9}, 3)).size(), 5u);
}

TEST(RecogniseActivations, HardSwishInItsForms) {
  for (const bool by_clip : {true, false}) {
    ModelBuilder b(14);
    b.input("x", {Dim(2), Dim(9)});
    b.scalar("three", 3);
    b.scalar("zero", 0);
    b.scalar("six", 6);
    if (by_clip) {
      b.add("Add", {"x", "three"}, {"a"});
      b.add("Clip", {"a", "zero", "six"}, {"c"});
      b.add("Mul", {"x", "c"}, {"m"});
      b.add("Div", {"m", "six"}, {"y"});
    } else {
      b.add("HardSigmoid", {"x"}, {"h"}, {passes::float_value("alpha", 1.0f / 6)});
      b.add("Mul", {"x", "h"}, {"y"});
    }
    b.output("y");
    EXPECT_EQ(operators_after(b, ramp({2, 9}, 5), 1e-6f), Names{"HardSwish"});
  }
}

TEST(RecogniseActivations, MishSwishAndSoftplusByOpset) {
  for (const int64_t opset : {int64_t{17}, int64_t{18}, int64_t{24}}) {
    ModelBuilder b(opset);
    b.input("x", {Dim(2), Dim(9)});
    b.scalar("one", 1);
    b.scalar("slope", 1.7f);
    b.add("Exp", {"x"}, {"e"});
    b.add("Add", {"e", "one"}, {"s"});
    b.add("Log", {"s"}, {"p"});
    b.add("Tanh", {"p"}, {"t"});
    b.add("Mul", {"x", "t"}, {"m"});
    b.add("Mul", {"m", "slope"}, {"a"});
    b.add("Sigmoid", {"a"}, {"g"});
    b.add("Mul", {"g", "m"}, {"y"});
    b.output("y");
    const Names want = opset == 17   ? Names{"Softplus", "Tanh", "Mul", "Mul", "Sigmoid", "Mul"}
                       : opset == 18 ? Names{"Mish", "Mul", "Sigmoid", "Mul"}
                                     : Names{"Mish", "Swish"};
    EXPECT_EQ(operators_after(b, ramp({2, 9}, 3), 1e-6f, as_it_is), want);
  }
}

}  // namespace
}  // namespace kiln
