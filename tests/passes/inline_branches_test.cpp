#include <gtest/gtest.h>

#include "graph/captures.hpp"
#include "passes/model_builder.hpp"
#include "runtime/graph_maker.hpp"

namespace kiln {
namespace {

using test::add_node;
using test::add_output;
using test::attribute;

/// y = If(go, tanh(x * w), x * w), the product made in the branches; w is a constant around them.
ModelBuilder branching() {
  ModelBuilder b;
  b.input("x", {4, 4});
  b.constant("w", ramp({4, 4}));
  Graph tangent, plain;
  add_node(tangent, "MatMul", {"x", "w"}, {"product"});
  add_node(tangent, "Tanh", {"product"}, {"tangent"});
  add_output(tangent, "tangent");
  add_node(plain, "MatMul", {"x", "w"}, {"product"});
  add_output(plain, "product");
  b.add("If", {"go"}, {"y"}, {attribute("then_branch", tangent), attribute("else_branch", plain)});
  b.output("y");
  return b;
}

TEST(InlineBranches, AKnownConditionLeavesItsBranch) {
  ModelBuilder b = branching();
  b.constant("go", Tensor::scalar<bool>(true));
  EXPECT_EQ(operators_after(b, ramp({4, 4}), 1e-6F), (Names{"MatMul", "Tanh"}));
  ModelBuilder other = branching();
  other.constant("go", Tensor::scalar<bool>(false));
  EXPECT_EQ(operators_after(other, ramp({4, 4}), 1e-6F), (Names{"MatMul"}));
}

TEST(InlineBranches, NamesThatAreTakenChange) {
  ModelBuilder b = branching();
  b.constant("go", Tensor::scalar<bool>(true));
  b.add("Exp", {"y"}, {"product"});
  b.output("product");
  EXPECT_EQ(operators_after(b, ramp({4, 4}), 1e-5F), (Names{"MatMul", "Tanh", "Exp"}));
}

TEST(InlineBranches, ShapesMayTellTheCondition) {
  ModelBuilder b = branching();
  b.ints("first", {0});
  b.ints("four", {4});
  b.add("Shape", {"x"}, {"shape"});
  b.add("Gather", {"shape", "first"}, {"rows"});
  b.add("Equal", {"rows", "four"}, {"go"});
  std::rotate(b.model.graph.nodes.begin(), b.model.graph.nodes.begin() + 1, b.model.graph.nodes.end());
  EXPECT_EQ(operators_after(b, ramp({4, 4}), 1e-6F), (Names{"MatMul", "Tanh"}));
}

TEST(GiveConstants, WhatNoPassChangedGoesBack) {
  ModelBuilder b = branching();
  b.input("go", {}, DType::boolean);
  ModelDef model = b.model;
  optimize(model);
  ASSERT_EQ(model.graph.nodes.size(), 1U);
  EXPECT_EQ(model.graph.initializers.size(), 1U);
  for (const Graph* branch : subgraphs_of(model.graph.nodes[0])) EXPECT_TRUE(branch->initializers.empty());
}

TEST(GiveConstants, FoldingSeesThem) {
  ModelBuilder b;
  b.input("x", {4, 4});
  b.input("go", {}, DType::boolean);
  b.constant("w", ramp({64, 64}));
  b.ints("axis", {0});
  Graph sum, plain;
  add_node(sum, "ReduceSum", {"w", "axis"}, {"row"});
  add_node(sum, "Cast", {"x"}, {"same"}, {attribute("to", 1)});
  add_node(sum, "ReduceSum", {"row"}, {"number"});
  add_node(sum, "Add", {"same", "number"}, {"sum"});
  add_output(sum, "sum");
  add_node(plain, "Relu", {"x"}, {"relu"});
  add_output(plain, "relu");
  b.add("If", {"go"}, {"y"}, {attribute("then_branch", sum), attribute("else_branch", plain)});
  b.output("y");
  optimize(b.model);
  const Graph& branch = *subgraphs_of(b.model.graph.nodes[0])[0];
  ASSERT_EQ(branch.nodes.size(), 1U);
  EXPECT_EQ(branch.nodes[0].op_type, "Add");
}

}  // namespace
}  // namespace kiln
