#include <gtest/gtest.h>

#include <cmath>

#include "kiln/kiln.hpp"

namespace kiln {
namespace {

Tensor filled(const Shape& shape, float first, float step) {
  std::vector<float> elements(static_cast<size_t>(element_count(shape)));
  for (size_t i = 0; i < elements.size(); ++i) elements[i] = first + step * static_cast<float>(i % 7);
  return Tensor::from<float>(shape, elements);
}

std::string message_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(GraphBuilder, BuildsANetworkThatRuns) {
  GraphBuilder b("by hand");
  Var x = b.input("x", DType::f32, {"n", 2, 4, 4});
  const Var weights = b.constant(filled({3, 2, 1, 1}, 1, 0));
  const Var bias = b.constant(Tensor::vector<float>({0, -100, 1}));
  x = b.relu(b.conv2d(x, weights, bias));
  ASSERT_EQ(x.type().shape.size(), 4u);
  EXPECT_EQ(x.type().shape[0].symbol, "n");
  EXPECT_EQ(x.type().shape[1].value, 3);
  b.output(b.reshape(b.global_average_pool(x), {-1, 3}), "y");
  Session session(b.model());
  EXPECT_EQ(session.info().graph_name, "by hand");
  const std::vector<Value> found = session.run({{"x", filled({2, 2, 4, 4}, 2, 0)}});
  EXPECT_TRUE(equal_bits(found[0].tensor(), Tensor::from<float>({2, 3}, std::vector<float>{4, 0, 5, 4, 0, 5})));
}

TEST(GraphBuilder, HasTheUsualLayers) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {1, 2, 4, 4});
  const Var ones = b.constant(Tensor::vector<float>({1, 1})), none = b.constant(Tensor::vector<float>({0, 0}));
  b.output(b.max_pool2d(x, 2, {.stride = {2}}), "max");
  b.output(b.average_pool2d(x, 2, {.stride = {2}}), "average");
  b.output(b.conv_transpose2d(x, b.constant(filled({2, 1, 2, 2}, 1, 0)), {}, {.stride = {2}}), "larger");
  b.output(b.batch_norm(x, ones, none, none, ones, 0), "normal");
  b.output(b.linear(b.flatten(x), b.constant(filled({3, 32}, 1, 0)), b.constant(Tensor::vector<float>({0, 1, 2}))),
           "linear");
  b.output(b.softmax(b.concat({x, x}, 1)), "softmax");
  b.output(b.matmul(x, b.transpose(b.mul(b.add(x, x), b.gelu(b.sigmoid(x))), {0, 1, 3, 2})), "product");
  Session session(b.model());
  const Tensor given = filled({1, 2, 4, 4}, 0, 1);
  const std::vector<Value> found = session.run({{"x", given}});
  ASSERT_EQ(found.size(), 7u);
  EXPECT_EQ(found[0].tensor().shape(), (Shape{1, 2, 2, 2}));
  EXPECT_EQ(found[0].tensor().data<float>()[0], 5);
  EXPECT_EQ(found[1].tensor().data<float>()[0], 2.5f);
  EXPECT_EQ(found[2].tensor().shape(), (Shape{1, 1, 8, 8}));
  EXPECT_TRUE(equal_bits(found[3].tensor(), given));
  const auto sums = found[4].tensor().elements<float>();
  EXPECT_EQ(sums[1], sums[0] + 1);
  EXPECT_EQ(found[5].tensor().shape(), (Shape{1, 4, 4, 4}));
}

TEST(GraphBuilder, TakesAnyOperatorByName) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {2, 3});
  const std::vector<Var> parts = b.ops("TopK", {x, b.constant(Tensor::vector<int64_t>({2}))}, {{"axis", 1}}, 2);
  b.output(parts[0], "values");
  b.output(b.op("Clip", {x, {}, b.constant(Tensor::scalar<float>(1))}), "clipped");
  b.output(b.op("Elu", {x}, {{"alpha", 2}}), "elu");  // a whole number where the schema has a float
  const std::vector<Value> found = Session(b.model()).run({{"x", filled({2, 3}, -1, 1)}});
  EXPECT_EQ(found[0].tensor().data<float>()[0], 1);
  EXPECT_EQ(found[1].tensor().data<float>()[5], 1);
  EXPECT_NEAR(found[2].tensor().data<float>()[0], 2 * std::expm1(-1.0f), 1e-6);
}

TEST(GraphBuilder, FailsInTheCallThatIsWrong) {
  GraphBuilder b, other;
  const Var x = b.input("x", DType::f32, {"n", 3});
  EXPECT_NE(message_of([&] { b.op("Relv", {x}); }).find("is 'Relu' meant"), std::string::npos);
  EXPECT_NE(message_of([&] { b.op("Softmax", {x}, {{"axes", 1}}); }).find("no attribute 'axes'"), std::string::npos);
  EXPECT_NE(message_of([&] { b.matmul(x, b.constant(filled({4, 4}, 0, 1))); }).find("MatMul"), std::string::npos);
  EXPECT_NE(message_of([&] { other.relu(x); }).find("another network"), std::string::npos);
  EXPECT_NE(message_of([&] { other.output(x); }).find("another network"), std::string::npos);
  EXPECT_NE(message_of([&] { b.output({}); }).find("needs a value"), std::string::npos);
  EXPECT_NE(message_of([&] { b.input("x", DType::f32, {}); }).find("already"), std::string::npos);
  EXPECT_NE(message_of([&] { b.model(); }).find("no output"), std::string::npos);
  EXPECT_NE(message_of([&] { b.conv2d(x, x, {}, {.stride = {1, 2, 3}}); }).find("expected 1 or 2"), std::string::npos);
  b.output(b.relu(x), "y");
  EXPECT_NO_THROW(Session(b.model()));
}

TEST(GraphBuilder, ModelsAreCopies) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {2});
  b.output(b.relu(x), "y");
  const Model first = b.model();
  b.output(b.op("Neg", {x}), "z");
  EXPECT_EQ(first.outputs().size(), 1u);
  EXPECT_EQ(first.copy().outputs().size(), 1u);
  EXPECT_EQ(b.model().outputs().size(), 2u);
}

TEST(GraphBuilder, AnInputMayBeTheOutput) {
  GraphBuilder b;
  b.output(b.input("x", DType::f32, {"n"}), "y");
  const Tensor given = filled({3}, 1, 1);
  EXPECT_TRUE(equal_bits(Session(b.model()).run({{"x", given}})[0].tensor(), given));
  const Engine engine = Engine::build(b.model(), {.tune = Tune::off});
  EXPECT_TRUE(equal_bits(Session(engine).run({{"x", given}})[0].tensor(), given));
}

TEST(GraphBuilder, ChoosesBetweenBranches) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {2});
  const Var positive = b.op("Greater", {b.op("ReduceSum", {x}, {{"keepdims", 0}}), b.constant(Tensor::scalar(0.0F))});
  const Var half = b.constant(Tensor::scalar(0.5F));
  const std::vector<Var> y = b.if_else(
      positive,
      [&] {
        return std::vector{b.relu(x), x};
      },
      [&] {
        return std::vector{b.mul(x, half), b.add(x, half)};
      });
  EXPECT_EQ(y[0].type().shape[0].value, 2);
  b.output(y[0], "y");
  b.output(y[1], "z");
  Session session(b.model());
  const auto run = [&](float first) { return session.run({{"x", Tensor::vector<float>({first, -2})}}); };
  EXPECT_TRUE(equal_bits(run(6)[0].tensor(), Tensor::vector<float>({6, 0})));
  EXPECT_TRUE(equal_bits(run(1)[0].tensor(), Tensor::vector<float>({0.5, -1})));
  EXPECT_TRUE(equal_bits(run(1)[1].tensor(), Tensor::vector<float>({1.5, -1.5})));
}

TEST(GraphBuilder, LoopsInLoops) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {});
  const Var three = b.constant(Tensor::scalar<int64_t>(3)), most = b.constant(Tensor::scalar(100.0F));
  const std::vector<Var> found = b.loop(three, {}, {x}, [&](const Var&, const std::vector<Var>& outer) {
    const std::vector<Var> doubled = b.loop({}, {}, outer, [&](const Var&, const std::vector<Var>& inner) {
      const Var next = b.add(inner[0], b.add(inner[0], x));
      return Turn{.state = {next}, .go_on = b.op("Less", {next, most})};
    });
    return Turn{.state = {b.op("Sub", {doubled[0], most})}, .collected = {doubled[0]}};
  });
  ASSERT_EQ(found.size(), 2u);
  b.output(found[0], "last");
  b.output(found[1], "all");
  const std::vector<Value> results = Session(b.model()).run({{"x", Tensor::scalar(3.0F)}});
  std::vector<float> all;
  float state = 3;
  for (int turn = 0; turn < 3; ++turn) {
    do state = 2 * state + 3;
    while (state < 100);
    all.push_back(state);
    state -= 100;
  }
  EXPECT_TRUE(equal_bits(results[0].tensor(), Tensor::scalar(state)));
  EXPECT_TRUE(equal_bits(results[1].tensor(), Tensor::vector(all)));
}

TEST(GraphBuilder, LoopsWhoseStateGrows) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {1, 2});
  int calls = 0;
  const Var y = b.loop(b.constant(Tensor::scalar<int64_t>(2)), {}, {x}, [&](const Var&, const std::vector<Var>& state) {
    ++calls;
    return Turn{.state = {b.concat({state[0], state[0]}, 0)}};
  })[0];
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(y.type().shape[0].value, -1);
  EXPECT_EQ(y.type().shape[1].value, 2);
  b.output(y, "y");
  EXPECT_EQ(Session(b.model()).run({{"x", filled({1, 2}, 0, 1)}})[0].tensor().shape(), (Shape{4, 2}));
}

TEST(GraphBuilder, Scans) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {2, "n"});
  const Var zero = b.constant(Tensor::vector<float>({0, 0}));
  const auto sum = [&](const std::vector<Var>& state, const std::vector<Var>& elements) {
    const Var total = b.add(state[0], elements[0]);
    return Turn{.state = {total}, .collected = {total}};
  };
  const std::vector<Var> found = b.scan({zero}, {x}, sum, {.axes = {1}, .backwards = {true}, .collected_axes = {-1}});
  b.output(found[0], "total");
  b.output(found[1], "sums");
  const std::vector<float> given{1, 2, 3, 10, 20, 30};
  const auto results = Session(b.model()).run({{"x", Tensor::from<float>({2, 3}, given)}});
  EXPECT_TRUE(equal_bits(results[0].tensor(), Tensor::vector<float>({6, 60})));
  const std::vector<float> sums{3, 5, 6, 30, 50, 60};
  EXPECT_TRUE(equal_bits(results[1].tensor(), Tensor::from<float>({2, 3}, sums)));
}

TEST(GraphBuilder, TakesGraphsAndTypesForAnyOperator) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {4, 2});
  const TensorType part{.dtype = DType::f32, .has_shape = true, .shape = {{.value = 2}, {.value = 2}}};
  const Subgraph body =
      b.subgraph({part}, [&](const auto& inputs) { return std::vector{b.add(inputs[0], inputs[0])}; });
  const Var parts = b.op("SplitToSequence", {x, b.constant(Tensor::scalar<int64_t>(2))});
  b.output(b.op("ConcatFromSequence", {b.op("SequenceMap", {parts}, {{"body", body}})}, {{"axis", 0}}), "y");
  const Var none = b.op("Optional", {}, {{"type", TensorType{.dtype = DType::f32}}});
  b.output(b.op("OptionalHasElement", {none}), "has");
  b.output(b.op("Cast", {x}, {{"to", TensorType{.dtype = DType::i64}}}), "whole");
  const auto results = Session(b.model()).run({{"x", filled({4, 2}, 1, 1)}});
  EXPECT_EQ(results[0].tensor().data<float>()[6], 14);
  EXPECT_FALSE(*results[1].tensor().data<bool>());
  EXPECT_EQ(results[2].tensor().dtype(), DType::i64);
}

TEST(GraphBuilder, FailsInsideOfNodes) {
  GraphBuilder b, other;
  const Var x = b.input("x", DType::f32, {2}), yes = b.constant(Tensor::scalar(true));
  const auto same = [&] { return std::vector{x}; };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const auto fails = [&](const GraphBuilder::Branch& branch) {
    return message_of([&] { b.if_else(yes, branch, same); });
  };
  EXPECT_TRUE(has(fails([&] { return std::vector{x, x}; }), "one branch gives 2 values and the other 1"));
  EXPECT_TRUE(has(fails([&] { return std::vector{yes}; }), "bool[] in one branch and f32[2] in the other"));
  EXPECT_TRUE(has(fails([&] { return std::vector{b.input("y", DType::f32, {})}; }), "inside of a node"));
  EXPECT_TRUE(has(fails([&] { return b.output(x, "y"), same(); }), "inside of a node"));
  EXPECT_TRUE(has(fails([&] { return b.model(), same(); }), "inside of a node"));
  EXPECT_TRUE(has(fails([&] { return std::vector{Var()}; }), "is no value"));
  EXPECT_TRUE(has(fails([&] { return std::vector{b.matmul(x, b.constant(filled({3, 3}, 0, 1)))}; }), "MatMul"));
  Var inner;
  b.if_else(
      yes, [&] { return std::vector{inner = b.relu(x)}; }, same);
  EXPECT_TRUE(has(message_of([&] { b.relu(inner); }), "inside of another node"));
  const auto wrong = [&](const Turn& turn) {
    return message_of([&] { b.loop({}, yes, {x}, [&](const auto&, const auto&) { return turn; }); });
  };
  EXPECT_TRUE(has(wrong({}), "gives 0 values of state, expected 1"));
  EXPECT_TRUE(has(wrong({.state = {yes}}), "begins as f32[2] and goes on as bool[]"));
  const Subgraph graph =
      other.subgraph({}, [&](const auto&) { return std::vector{other.constant(Tensor::scalar(1))}; });
  EXPECT_TRUE(has(message_of([&] {
                    b.op("If", {yes}, {{"then_branch", graph}, {"else_branch", graph}});
                  }),
                  "of the same builder"));
  // Nothing is left of what failed.
  b.output(b.if_else(
               yes, [&] { return std::vector{b.relu(x)}; }, same)[0],
           "y");
  EXPECT_NO_THROW(Session(b.model()));
}

}  // namespace
}  // namespace kiln
