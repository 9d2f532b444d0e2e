#include "passes/model_builder.hpp"

namespace kiln {
namespace {

TEST(RemoveIdentities, OperatorsThatMoveNothing) {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(2), Dim(3), Dim::symbol("w")});
  b.ints("zeros", std::vector<int64_t>(8, 0));
  b.ints("start", {0});
  b.ints("end", {1000});
  b.ints("axis", {2});
  b.ints("ones", {1, 1, 1, 1});
  b.constant("scales", Tensor::vector<float>({1, 1, 1, 1}));
  b.add("Pad", {"x", "zeros"}, {"a"});
  b.add("Slice", {"a", "start", "end", "axis"}, {"b"});
  b.add("Transpose", {"b"}, {"c"}, {passes::ints_value("perm", {0, 1, 2, 3})});
  b.add("Concat", {"c"}, {"d"}, {passes::int_value("axis", 1)});
  b.add("Resize", {"d", "", "scales"}, {"e"});
  b.add("Tile", {"e", "ones"}, {"f"});
  b.add("Sum", {"f"}, {"g"});
  b.add("AveragePool", {"g"}, {"h"}, {passes::ints_value("kernel_shape", {1, 1})});
  b.add("MaxPool", {"h"}, {"i"},
        {passes::ints_value("kernel_shape", {1, 1}), passes::ints_value("strides", {1, 1}),
         passes::ints_value("pads", {0, 0, 0, 0})});
  b.add("Relu", {"i"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({1, 2, 3, 4})), Names{"Relu"});
}

TEST(RemoveIdentities, NotThoseThatMoveSomethingAndKeepTheShape) {
  ModelBuilder b;
  b.input("x", {Dim(3), Dim(3)});
  b.ints("pads", {1, 0, -1, 0});
  b.ints("from", {-1});
  b.ints("to", {-1000});
  b.ints("axis", {0});
  b.ints("back", {-1});
  b.add("Pad", {"x", "pads"}, {"a"});
  b.add("Slice", {"a", "from", "to", "axis", "back"}, {"b"});
  b.add("Transpose", {"b"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({3, 3})), (Names{"Pad", "Slice", "Transpose"}));
}

TEST(RemoveIdentities, NotAPoolThatSkipsOrAdds) {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(1), Dim(4), Dim(4)});
  const Attribute kernel = passes::ints_value("kernel_shape", {1, 1});
  b.add("MaxPool", {"x"}, {"a"}, {kernel, passes::ints_value("strides", {2, 1})});
  b.add("AveragePool", {"a"}, {"y"},
        {kernel, passes::ints_value("pads", {1, 0, 0, 0}), passes::int_value("count_include_pad", 1)});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({1, 1, 4, 4})), (Names{"MaxPool", "AveragePool"}));
}

TEST(RemoveIdentities, NotAResizeThatRoundsToTheSameShape) {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(1), Dim(3), Dim(3)});
  b.constant("scales", Tensor::vector<float>({1, 1, 1.2f, 1.2f}));
  b.add("Resize", {"x", "", "scales"}, {"y"},
        {{.name = "mode", .type = AttributeType::string, .data = std::string("linear"), .ref_name = {}, .doc = {}}});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({1, 1, 3, 3})), Names{"Resize"});
}

TEST(RemoveIdentities, TwoOutputsOfOneValueKeepTheirNames) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3)});
  b.add("Relu", {"x"}, {"a"});
  b.add("Identity", {"a"}, {"y"});
  b.add("Identity", {"a"}, {"z"});
  b.add("Neg", {"a"}, {"w"});
  for (const char* name : {"y", "z", "w"}) b.output(name);
  EXPECT_EQ(operators_after(b, ramp({2, 3})), (Names{"Relu", "Identity", "Neg"}));
}

TEST(RemoveIdentities, AnInputThatIsTheOutput) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3)});
  for (const auto& [from, to] : {std::pair("x", "a"), {"a", "b"}, {"b", "y"}, {"b", "z"}})
    b.add("Identity", {from}, {to});
  for (const char* name : {"y", "z"}) b.output(name);
  EXPECT_EQ(operators_after(b, ramp({2, 3})), (Names{"Identity", "Identity"}));
}

TEST(RemoveIdentities, WhatASubgraphReadsKeepsItsName) {
  ModelBuilder b, branch;
  b.input("x", {Dim(2), Dim(3)});
  b.add("Relu", {"x"}, {"a"});
  b.add("Identity", {"a"}, {"b"});
  b.add("Identity", {"b"}, {"y"});
  branch.add("Neg", {"a"}, {"c"});
  branch.output("c");
  b.input("choice", {}, DType::boolean);
  const auto graph = std::make_shared<Graph>(branch.model.graph);
  b.add("If", {"choice"}, {"z"},
        {{.name = "then_branch", .type = AttributeType::graph, .data = graph, .ref_name = {}, .doc = {}},
         {.name = "else_branch", .type = AttributeType::graph, .data = graph, .ref_name = {}, .doc = {}}});
  for (const char* name : {"y", "z"}) b.output(name);
  ModelDef model = b.model;
  optimize(model);
  EXPECT_NO_THROW(EngineDef::create(model));
}

TEST(RemoveIdleArithmetic, NeutralElements) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(3)});
  b.scalar("zero", 0);
  b.constant("ones", ramp({3}, 0, 1));
  b.add("Add", {"zero", "x"}, {"a"});
  b.add("Sub", {"a", "zero"}, {"b"});
  b.add("Mul", {"b", "ones"}, {"c"});
  b.add("Div", {"c", "ones"}, {"d"});
  b.add("Pow", {"d", "ones"}, {"e"});
  b.add("Relu", {"e"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3})), Names{"Relu"});
}

TEST(RemoveIdleArithmetic, NotWhereTheShapeGrowsOrTheOrderMatters) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(1)});
  b.constant("ones", ramp({3}, 0, 1));
  b.scalar("zero", 0);
  b.scalar("one", 1);
  b.add("Mul", {"x", "ones"}, {"a"});
  b.add("Sub", {"zero", "a"}, {"b"});
  b.add("Div", {"one", "b"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 1}, 1, 3)), (Names{"Mul", "Sub", "Div"}));
}

}  // namespace
}  // namespace kiln
