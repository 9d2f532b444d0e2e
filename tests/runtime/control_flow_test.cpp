#include <gtest/gtest.h>

#include <atomic>
#include <limits>

#include "base/error.hpp"
#include "runtime/graph_maker.hpp"
#include "runtime/shape_inference.hpp"

namespace kiln::test {
namespace {

Type number_type() { return Type::tensor(DType::f32); }

/// A Loop that carries "v" and gives it after each turn: v += x, x from outside.
Graph counting_loop(bool states_types = true) {
  Graph body;
  add_input(body, "i", states_types ? Type::tensor(DType::i64, SymShape{}) : Type());
  add_input(body, "go", states_types ? Type::tensor(DType::boolean, SymShape{}) : Type());
  add_input(body, "v", states_types ? number_type() : Type());
  add_node(body, "Add", {"v", "x"}, {"next"});
  add_node(body, "Identity", {"go"}, {"go_on"});
  add_node(body, "Identity", {"next"}, {"each"});
  for (const char* name : {"go_on", "next", "each"}) add_output(body, name);
  Graph graph;
  add_input(graph, "m", Type::tensor(DType::i64));
  add_input(graph, "c", Type::tensor(DType::boolean));
  add_input(graph, "x", number_type());
  add_constant(graph, "zero", scalar(0));
  add_node(graph, "Loop", {"m", "c", "zero"}, {"last", "all"}, {attribute("body", body)});
  add_output(graph, "last");
  add_output(graph, "all");
  return graph;
}

TEST(Loop, GathersEachTurn) {
  const auto outputs = run(counting_loop(), {Tensor::scalar<int64_t>(5), yes(), Tensor::vector<float>({1, 2})});
  EXPECT_EQ(outputs[0].tensor().data<float>()[1], 10);
  EXPECT_EQ(outputs[1].tensor().shape(), (Shape{5, 2}));
  EXPECT_EQ(outputs[1].tensor().data<float>()[5], 6);
}

TEST(Loop, NoTurnGivesAnEmptyScanOutputOfTheRightType) {
  for (const bool states_types : {true, false}) {
    for (const int64_t turns : {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
      const auto outputs =
          run(counting_loop(states_types), {Tensor::scalar(turns), yes(), Tensor::vector<float>({1, 2})});
      EXPECT_EQ(number(outputs[0]), 0);
      EXPECT_EQ(outputs[1].tensor().dtype(), DType::f32);
      EXPECT_EQ(outputs[1].tensor().shape(), (Shape{0, 2}));
    }
    const auto outputs = run(counting_loop(states_types),
                             {Tensor::scalar(std::numeric_limits<int64_t>::max()), no(), Tensor::vector<float>({1})});
    EXPECT_EQ(outputs[1].tensor().shape(), (Shape{0, 1}));
  }
}

TEST(Loop, AnEndlessOneCanBeStopped) {
  Graph graph = counting_loop();
  int steps = 0;
  const StepOptions options{.interrupted = [&] { return ++steps == 1000; }};
  try {
    run(graph, {Tensor::scalar(std::numeric_limits<int64_t>::max()), yes(), scalar(1)}, options);
    FAIL() << "the loop ended";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::cancelled);
  }
}

TEST(Loop, ScanOutputsKeepTheirShape) {
  Graph body;
  for (const char* name : {"i", "go", "v"}) add_input(body, name);
  add_constant(body, "axis", Tensor::vector<int64_t>({0}));
  add_node(body, "Concat", {"v", "v"}, {"next"}, {attribute("axis", 0)});
  for (const char* name : {"go", "next", "next"}) add_output(body, name);
  Graph graph;
  add_input(graph, "x", number_type());
  add_constant(graph, "m", Tensor::scalar<int64_t>(3));
  add_constant(graph, "c", yes());
  add_node(graph, "Loop", {"m", "c", "x"}, {"last", "all"}, {attribute("body", body)});
  add_output(graph, "last");
  EXPECT_NE(message_of([&] { run(graph, {Tensor::vector<float>({1})}); }).find("[2] in the first turn and is f32 [4]"),
            std::string::npos);
}

Type inferred(const Graph& graph, const std::string& name, const std::map<std::string, Type>& inputs = {}) {
  const ModelDef model = model_of(graph);
  Diagnostics diagnostics(Diagnostics::Mode::collect);
  std::map<ValueId, Fact> given;
  for (const auto& [input, type] : inputs) given[graph.find_value(input)].type = type;
  const Facts facts = ShapeInference(model, diagnostics).run(given);
  for (const Finding& finding : diagnostics.findings()) ADD_FAILURE() << finding.place << ": " << finding.message;
  return facts[static_cast<size_t>(graph.find_value(name))].type;
}

TEST(Inference, BranchesOfOneRankJoin) {
  Graph graph;
  add_input(graph, "c", Type::tensor(DType::boolean));
  add_input(graph, "a", Type::tensor(DType::f32, SymShape{2, Dim::symbol("n")}));
  add_input(graph, "b", Type::tensor(DType::f32, SymShape{3, Dim::symbol("n")}));
  add_input(graph, "d", Type::tensor(DType::f32, SymShape{3}));
  const auto giving = [](const std::string& name) {
    Graph branch;
    add_output(branch, name);
    return branch;
  };
  add_node(graph, "If", {"c"}, {"y"}, {attribute("then_branch", giving("a")), attribute("else_branch", giving("b"))});
  add_node(graph, "If", {"c"}, {"z"}, {attribute("then_branch", giving("a")), attribute("else_branch", giving("d"))});
  EXPECT_EQ(inferred(graph, "y").str(), "f32[?,n]");
  EXPECT_EQ(inferred(graph, "z").str(), "f32[...]");
}

TEST(Inference, ALoopThatKeepsItsConditionMakesAllItsTurns) {
  Graph graph = counting_loop();
  const Type two = Type::tensor(DType::f32, SymShape{});
  EXPECT_EQ(inferred(graph, "all", {{"x", two}}).str(), "f32[?]");
  graph.inputs.erase(graph.inputs.begin(), graph.inputs.begin() + 2);
  add_constant(graph, "m", Tensor::scalar<int64_t>(4));
  add_constant(graph, "c", yes());
  EXPECT_EQ(inferred(graph, "all", {{"x", two}}).str(), "f32[4]");
  EXPECT_EQ(inferred(graph, "last", {{"x", two}}).str(), "f32[]");
}

TEST(Inference, SymbolsOfABodyMeanNothingOutside) {
  Graph body;
  add_input(body, "e", Type::tensor(DType::f32, SymShape{Dim::symbol("n")}));
  add_node(body, "Identity", {"e"}, {"r"});
  add_output(body, "r");
  Graph graph;
  add_input(graph, "s", Type::sequence(Type::tensor(DType::f32)));
  add_node(graph, "SequenceMap", {"s"}, {"y"}, {attribute("body", body)});
  EXPECT_EQ(inferred(graph, "y").str(), "seq(f32[?])");
}

}  // namespace
}  // namespace kiln::test
