#include "passes/model_pass.hpp"
#include "passes/model_builder.hpp"

namespace kiln {
namespace {

using passes::float_value;
using passes::int_value;
using passes::ints_value;

/// The names of the operators after raising alone; the answer must be what it was, bit for bit.
Names raised(const ModelBuilder& b, const Tensor& x) {
  ModelDef after = b.model;
  ModelChanges changes;
  passes::raise_opset(after, changes);
  EXPECT_TRUE(changes.notes.empty());
  EXPECT_GE(after.opset_imports[""], 24);
  expect_same_answers(b.model, after, x, 0);
  Names names;
  for (const Node& node : after.graph.nodes) names.push_back(node.op_type);
  return names;
}

TEST(RaiseOpset, LeavesNodesThatMeanTheSame) {
  ModelBuilder b(13);
  b.input("x", {Dim(2), Dim(3)});
  b.add("Relu", {"x"}, {"a"});
  b.add("MatMul", {"a", "w"}, {"y"});
  b.constant("w", ramp({3, 4}));
  b.output("y");
  EXPECT_EQ(raised(b, ramp({2, 3})), (Names{"Relu", "MatMul"}));
}

TEST(RaiseOpset, TurnsAttributesIntoInputs) {
  ModelBuilder b(10);
  b.input("x", {Dim(1), Dim(3), Dim(4)});
  b.add("Squeeze", {"x"}, {"a"}, {ints_value("axes", {0})});
  b.add("ReduceSum", {"a"}, {"b"}, {ints_value("axes", {1})});
  b.add("Clip", {"b"}, {"c"}, {float_value("min", -0.5f)});
  b.add("Pad", {"c"}, {"y"}, {ints_value("pads", {1, 0, 0, 2}), float_value("value", 7)});
  b.output("y");
  const Names names = raised(b, ramp({1, 3, 4}));
  EXPECT_EQ(std::count(names.begin(), names.end(), "Constant"), 5);
  EXPECT_EQ(names.size(), 9u);
}

TEST(RaiseOpset, KeepsTheMatrixThatSoftmaxSaw) {
  for (const bool known : {true, false}) {
    ModelBuilder b(11);
    b.input("x", {Dim(2), Dim(3), known ? Dim(1) : Dim::symbol("n")});
    b.add("Softmax", {"x"}, {"y"}, {int_value("axis", 1)});
    b.output("y");
    const Names names = raised(b, ramp({2, 3, known ? 1 : 4}));
    EXPECT_EQ(names, known ? Names{"Softmax"} : (Names{"Shape", "Flatten", "Softmax", "Reshape"}));
  }
}

TEST(RaiseOpset, LaysOldBroadcastsAlongTheirAxis) {
  ModelBuilder b(6);
  b.input("x", {Dim(2), Dim(3), Dim(4)});
  b.constant("c", ramp({3}));
  b.add("Add", {"x", "c"}, {"y"}, {int_value("broadcast", 1), int_value("axis", 1)});
  b.output("y");
  EXPECT_EQ(raised(b, ramp({2, 3, 4})), (Names{"Constant", "Unsqueeze", "Add"}));
}

TEST(RaiseOpset, UpsampleBecomesResize) {
  ModelBuilder b(9);
  b.input("x", {Dim(1), Dim(2), Dim(3), Dim(3)});
  b.constant("scales", Tensor::vector<float>({1, 1, 2, 3}));
  b.add("Upsample", {"x", "scales"}, {"y"});
  b.output("y");
  EXPECT_EQ(raised(b, ramp({1, 2, 3, 3})), Names{"Resize"});
}

TEST(RaiseOpset, LeavesAModelWithANodeThatCannotBeRaised) {
  ModelBuilder b(6);
  b.input("x", {Dim(2), Dim(3)});
  for (const char* name : {"s", "b", "m", "v"}) b.constant(name, ramp({3}, 0.1f, 1));
  b.add("Relu", {"x"}, {"a"});
  b.add("BatchNormalization", {"a", "s", "b", "m", "v"}, {"y"}).name = "trains";
  b.output("y");
  ModelDef after = b.model;
  const OptimizeReport report = optimize(after);
  EXPECT_EQ(after.opset_imports[""], 6);
  ASSERT_EQ(report.notes.size(), 1u);
  EXPECT_NE(report.notes[0].find("'trains'"), std::string::npos);
}

TEST(RaiseOpset, LeavesNodesThatLackArguments) {
  ModelBuilder b(9);
  b.input("x", {Dim(1), Dim(2), Dim(3), Dim(3)});
  b.add("Upsample", {"x"}, {"y"});
  b.output("y");
  ModelChanges changes;
  passes::raise_opset(b.model, changes);
  EXPECT_EQ(b.model.opset_imports[""], 9);
  EXPECT_EQ(b.model.graph.nodes[0].op_type, "Upsample");
  EXPECT_EQ(changes.notes.size(), 1u);
}

/// f(a, b) = (relu(a) + b, n) with n a name that the caller has too.
Function sum_of_relu(int64_t opset) {
  ModelBuilder body(opset);
  body.add("Relu", {"a"}, {"n"});
  body.add("Add", {"n", "b"}, {"sum"});
  Function function;
  function.domain = "local";
  function.name = "SumOfRelu";
  function.opset_imports[""] = opset;
  function.body = std::move(body.model.graph);
  for (const char* name : {"a", "b"}) function.body.inputs.push_back(function.body.value_named(name));
  for (const char* name : {"sum", "n"}) function.body.outputs.push_back(function.body.value_named(name));
  return function;
}

TEST(InlineFunctions, ExpandsCallsUnderNewNames) {
  ModelBuilder b;
  b.model.opset_imports["local"] = 1;
  b.model.functions.push_back(sum_of_relu(17));
  b.input("x", {Dim(2), Dim(3)});
  b.add("Exp", {"x"}, {"n"});
  b.add("SumOfRelu", {"n", "x"}, {"p"}).domain = "local";
  b.add("SumOfRelu", {"p", "n"}, {"q", "r"}).domain = "local";
  b.add("Sub", {"q", "r"}, {"y"});
  b.output("y");
  ModelDef after = b.model;
  ModelChanges changes;
  passes::inline_functions(after, changes);
  EXPECT_EQ(changes.done.size(), 2u);
  EXPECT_TRUE(after.functions.empty());
  EXPECT_EQ(after.graph.nodes.size(), 6u);
  expect_same_answers(b.model, after, ramp({2, 3}), 0);
}

TEST(InlineFunctions, KeepsACallWhoseOperatorsMeanSomethingElse) {
  ModelBuilder b(21);
  b.model.opset_imports["local"] = 1;
  Function function = sum_of_relu(12);
  function.body.nodes[0].op_type = "Softmax";
  b.model.functions.push_back(std::move(function));
  b.input("x", {Dim(2), Dim(3)});
  b.add("SumOfRelu", {"x", "x"}, {"y"}).domain = "local";
  b.output("y");
  ModelDef after = b.model;
  optimize(after);
  ASSERT_EQ(after.graph.nodes.size(), 1u);
  EXPECT_EQ(after.graph.nodes[0].op_type, "SumOfRelu");
  expect_same_answers(b.model, after, ramp({2, 3}), 0);
}

}  // namespace
}  // namespace kiln
