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

}  // namespace
}  // namespace kiln
