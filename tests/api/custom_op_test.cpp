#include <gtest/gtest.h>

#include <thread>

#include "kiln/kiln.hpp"

namespace kiln {
namespace {

using Inputs = std::span<const Value* const>;

Tensor scaled(const Tensor& from, float factor) {
  Tensor to(DType::f32, from.shape());
  for (size_t i = 0; i < static_cast<size_t>(from.size()); ++i) {
    to.mutable_data<float>()[i] = factor * from.data<float>()[i];
  }
  return to;
}

CustomOp scale_op(const std::string& name) {
  return {.domain = "tests",
          .name = name,
          .run =
              [](const Attributes& attributes, Inputs inputs) {
                return std::vector<Value>{scaled(inputs[0]->tensor(), std::get<float>(attributes.at("factor")))};
              },
          .infer = [](const Attributes&,
                      std::span<const TensorType> inputs) { return std::vector<TensorType>{inputs[0]}; }};
}

Model model_with(const std::string& op, const Attributes& attributes) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {"n"});
  b.output(b.op("Neg", {b.ops(op, {b.op("Neg", {x})}, attributes, 1, "tests", "the node")[0]}), "y");
  return b.model();
}

TEST(CustomOp, RunsAmongOthers) {
  register_op(scale_op("Scale"));
  Session session(model_with("Scale", {{"factor", 2.5f}}));
  EXPECT_EQ(session.outputs()[0].shape.at(0).symbol, "n");
  const std::vector<Value> found = session.run({{"x", Tensor::vector<float>({1, 2})}});
  EXPECT_TRUE(equal_bits(found[0].tensor(), Tensor::vector<float>({2.5f, 5})));
}

TEST(CustomOp, NamesTheNodeInErrors) {
  CustomOp op{.domain = "tests", .name = "Fails"};
  op.run = [](const Attributes&, Inputs) -> std::vector<Value> {
    throw Error(ErrorCode::invalid_data, "it is broken");
  };
  register_op(op);
  try {
    Session(model_with("Fails", {})).run({{"x", Tensor::vector<float>({1})}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "node 'the node' (tests.Fails): it is broken");
  }
  op.name = "Gives nothing";
  op.run = [](const Attributes&, Inputs) { return std::vector<Value>(); };
  register_op(op);
  EXPECT_THROW(Session(model_with("Gives nothing", {})).run({{"x", Tensor::vector<float>({1})}}), Error);
}

TEST(CustomOp, RefusesWhatCannotBe) {
  CustomOp op = scale_op("Relu");
  op.domain = "";
  EXPECT_THROW(register_op(op), Error);
  op.domain = "ai.onnx.ml";
  EXPECT_THROW(register_op(op), Error);
  op.domain = "tests";
  op.run = {};
  EXPECT_THROW(register_op(op), Error);
  op = scale_op("");
  EXPECT_THROW(register_op(op), Error);
  op = scale_op("Old");
  op.version = 0;
  EXPECT_THROW(register_op(op), Error);
  EXPECT_THROW(load_plugin("/there/is/no/such.so"), Error);
}

TEST(CustomOp, ConcurrentRegistrationsAndRuns) {
  register_op(scale_op("Shared"));
  Session session(model_with("Shared", {{"factor", 3.0f}}));
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int turn = 0; turn < 10; ++turn) {
        register_op(scale_op("Own" + std::to_string(t)));
        const auto own = model_with("Own" + std::to_string(t), {{"factor", 1.0f}});
        const std::vector<Value> found = session.run({{"x", Tensor::vector<float>({static_cast<float>(turn)})}});
        EXPECT_EQ(found[0].tensor().data<float>()[0], 3.0f * static_cast<float>(turn));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace kiln
