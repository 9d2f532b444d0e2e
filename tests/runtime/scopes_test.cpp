#include <gtest/gtest.h>

#include "base/error.hpp"
#include "runtime/graph_maker.hpp"

namespace kiln::test {
namespace {

/// A graph without inputs that gives a + b, names it need not define itself.
Graph sum_of(const std::string& a, const std::string& b, const std::string& result = "sum") {
  Graph graph;
  add_node(graph, "Add", {a, b}, {result});
  add_output(graph, result);
  return graph;
}

Graph giving(const std::string& name) {
  Graph graph;
  add_output(graph, name);
  return graph;
}

TEST(Scopes, InnerGraphsReadValuesOfAllGraphsAround) {
  Graph innermost = sum_of("x", "t");
  Graph middle;
  add_node(middle, "Mul", {"x", "x"}, {"t"});
  add_node(middle, "If", {"c"}, {"r"}, {attribute("then_branch", innermost), attribute("else_branch", giving("x"))});
  add_output(middle, "r");
  Graph graph;
  add_input(graph, "c", Type::tensor(DType::boolean));
  add_input(graph, "in", Type::tensor(DType::f32));
  add_node(graph, "Identity", {"in"}, {"x"});
  add_node(graph, "If", {"c"}, {"y"}, {attribute("then_branch", middle), attribute("else_branch", giving("in"))});
  add_output(graph, "y");
  EXPECT_EQ(number(run(graph, {yes(), scalar(3)})[0]), 12);
  EXPECT_EQ(number(run(graph, {no(), scalar(3)})[0]), 3);
}

TEST(Scopes, OutputsMayBeInputsConstantsAndOuterValues) {
  Graph branch;
  add_constant(branch, "k", scalar(7));
  add_output(branch, "k");
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  add_constant(graph, "w", scalar(5));
  add_constant(graph, "c", no());
  add_node(graph, "If", {"c"}, {"a"}, {attribute("then_branch", branch), attribute("else_branch", giving("w"))});
  add_node(graph, "If", {"c"}, {"b"}, {attribute("then_branch", giving("x")), attribute("else_branch", branch)});
  for (const char* name : {"x", "w", "a", "b", "x"}) add_output(graph, name);
  const std::vector<Value> outputs = run(graph, {scalar(1)});
  const std::vector<float> expected = {1, 5, 5, 7, 1};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(number(outputs[i]), expected[i]) << i;
}

TEST(Scopes, ACapturedValueLivesUntilTheLastGraphThatReadsIt) {
  Graph graph;
  add_input(graph, "c", Type::tensor(DType::boolean));
  add_input(graph, "x", Type::tensor(DType::f32));
  add_node(graph, "Add", {"x", "x"}, {"t"});
  add_node(graph, "Mul", {"t", "t"}, {"u"});
  add_node(graph, "If", {"c"}, {"y"},
           {attribute("then_branch", sum_of("t", "u")), attribute("else_branch", giving("t"))});
  add_output(graph, "y");
  EXPECT_EQ(number(run(graph, {yes(), scalar(1)})[0]), 6);
}

TEST(Scopes, AGraphsOwnNamesHideThoseAround) {
  // "y" inside the inner branch is the branch's own, although the outer node makes a "y" from it.
  Graph innermost = sum_of("y", "y", "z");
  Graph middle;
  add_node(middle, "Mul", {"x", "x"}, {"y"});
  add_node(middle, "If", {"c"}, {"r"}, {attribute("then_branch", innermost), attribute("else_branch", innermost)});
  add_output(middle, "r");
  Graph graph;
  add_input(graph, "c", Type::tensor(DType::boolean));
  add_input(graph, "x", Type::tensor(DType::f32));
  add_node(graph, "If", {"c"}, {"y"}, {attribute("then_branch", middle), attribute("else_branch", middle)});
  add_output(graph, "y");
  EXPECT_EQ(number(run(graph, {yes(), scalar(3)})[0]), 18);
}

TEST(Scopes, NodesInAnyOrder) {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  add_constant(graph, "c", yes());
  add_node(graph, "If", {"c"}, {"y"},
           {attribute("then_branch", sum_of("t", "x")), attribute("else_branch", giving("x"))});
  add_node(graph, "Add", {"x", "x"}, {"t"});
  add_output(graph, "y");
  EXPECT_EQ(number(run(graph, {scalar(2)})[0]), 6);
}

TEST(Scopes, WhatNothingDefinesIsRefused) {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  add_output(graph, "nowhere");
  EXPECT_NE(message_of([&] { run(graph, {scalar(1)}); }).find("nothing defines 'nowhere'"), std::string::npos);

  Graph reader;
  add_input(reader, "x", Type::tensor(DType::f32));
  add_constant(reader, "c", yes());
  add_node(reader, "If", {"c"}, {"y"},
           {attribute("then_branch", giving("lost")), attribute("else_branch", giving("x"))});
  add_output(reader, "y");
  EXPECT_NE(message_of([&] { run(reader, {scalar(1)}); }).find("nothing defines 'lost'"), std::string::npos);
}

TEST(Scopes, AValueIsMadeOnce) {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  add_node(graph, "Add", {"x", "x"}, {"x"});
  add_output(graph, "x");
  EXPECT_NE(message_of([&] { run(graph, {scalar(1)}); }).find("also an input"), std::string::npos);

  Graph constant;
  add_input(constant, "x", Type::tensor(DType::f32));
  add_constant(constant, "y", scalar(1));
  add_node(constant, "Add", {"x", "x"}, {"y"});
  add_output(constant, "y");
  EXPECT_NE(message_of([&] { run(constant, {scalar(1)}); }).find("also an input or a constant"), std::string::npos);
}

TEST(Scopes, ASparseInitializerIsADenseValue) {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  SparseInitializer sparse;
  sparse.value = graph.value_named("s");
  sparse.tensor = {Tensor::vector<float>({5, 7}), Tensor::vector<int64_t>({1, 3}), {2, 2}};
  graph.sparse_initializers.push_back(sparse);
  add_node(graph, "Add", {"x", "s"}, {"y"});
  add_output(graph, "y");
  const Value result = run(graph, {scalar(1)})[0];
  EXPECT_EQ(result.tensor().shape(), (Shape{2, 2}));
  EXPECT_EQ(result.tensor().data<float>()[3], 8);

  graph.sparse_initializers[0].tensor.indices = Tensor::vector<int64_t>({1, 4});
  EXPECT_NE(message_of([&] { run(graph, {scalar(1)}); }).find("out of range"), std::string::npos);
}

Function function_of(const std::string& name, Graph body) {
  Function function;
  function.domain = "local";
  function.name = name;
  function.opset_imports = {{"", 21}, {"local", 1}};
  function.body = std::move(body);
  return function;
}

TEST(Functions, RunInsideSubgraphsAndSeeNothingAround) {
  Graph body;
  add_input(body, "a");
  add_node(body, "Mul", {"a", "a"}, {"b"});
  add_output(body, "b");
  Graph branch;
  add_node(branch, "Square", {"x"}, {"y"}, {}, "local");
  add_output(branch, "y");
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  add_constant(graph, "c", yes());
  add_node(graph, "If", {"c"}, {"r"}, {attribute("then_branch", branch), attribute("else_branch", giving("x"))});
  add_output(graph, "r");
  ModelDef model = model_of(graph);
  model.functions.push_back(function_of("Square", body));
  EXPECT_EQ(number(run(model, {scalar(4)})[0]), 16);

  Graph peeking;
  add_input(peeking, "a");
  add_node(peeking, "Mul", {"a", "x"}, {"b"});
  add_output(peeking, "b");
  model.functions[0] = function_of("Square", peeking);
  EXPECT_NE(message_of([&] { run(model, {scalar(4)}); }).find("reads 'x', which nothing defines"), std::string::npos);
}

TEST(Functions, AnArgumentLeftOutIsAbsentInTheBody) {
  Graph inner;
  add_node(inner, "Clip", {"a", "low", "high"}, {"r"});
  add_output(inner, "r");
  Graph body;
  for (const char* name : {"a", "low", "high"}) add_input(body, name);
  add_constant(body, "c", yes());
  add_node(body, "If", {"c"}, {"s"}, {attribute("then_branch", inner), attribute("else_branch", inner)});
  add_node(body, "Clip", {"s", "low", "high"}, {"b"});
  add_output(body, "b");
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  add_constant(graph, "top", scalar(2));
  add_node(graph, "Bound", {"x", "", "top"}, {"y"}, {}, "local");
  add_node(graph, "Bound", {"x"}, {"z"}, {}, "local");
  add_output(graph, "y");
  add_output(graph, "z");
  ModelDef model = model_of(graph);
  model.functions.push_back(function_of("Bound", body));
  const std::vector<Value> outputs = run(model, {scalar(5)});
  EXPECT_EQ(number(outputs[0]), 2);
  EXPECT_EQ(number(outputs[1]), 5);
}

TEST(Functions, EndlessAndAbsurdOnesAreRefused) {
  Graph graph;
  add_input(graph, "x", Type::tensor(DType::f32));
  add_node(graph, "F0", {"x"}, {"y"}, {}, "local");
  add_output(graph, "y");
  ModelDef model = model_of(graph);
  Graph itself;
  add_input(itself, "a");
  add_node(itself, "F0", {"a"}, {"b"}, {}, "local");
  add_output(itself, "b");
  model.functions.push_back(function_of("F0", itself));
  EXPECT_NE(message_of([&] { run(model, {scalar(4)}); }).find("calls itself"), std::string::npos);

  // Each function calls the next one eight times: 8^20 nodes.
  model.functions.clear();
  for (int i = 0; i < 20; ++i) {
    Graph body;
    add_input(body, "v0");
    for (int k = 0; k < 8; ++k) {
      add_node(body, "F" + std::to_string(i + 1), {"v" + std::to_string(k)}, {"v" + std::to_string(k + 1)}, {},
               "local");
    }
    add_output(body, "v8");
    model.functions.push_back(function_of("F" + std::to_string(i), body));
  }
  EXPECT_NE(message_of([&] { run(model, {scalar(4)}); }).find("stand for more than"), std::string::npos);
}

}  // namespace
}  // namespace kiln::test
