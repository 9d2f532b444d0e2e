#include <gtest/gtest.h>

#include <thread>

#include "api/small_models.hpp"

/// Results in memory of the caller's, and what may be changed in a model before it is built.
namespace kiln::api_test {
namespace {

Session sum_session(const SessionOptions& options = {}) {
  return Session(Model::from_memory(bytes_of(sum_model())), options);
}

std::vector<Value> run_into(Session& session, const Tensor& x, const std::vector<Tensor>& into) {
  RunOptions options;
  options.into = into;
  return session.run({{"x", x}}, {}, options);
}

TEST(GivenMemory, IsWhereResultsAre) {
  Session session = sum_session();
  const Tensor x = Tensor::from<float>({1, 3}, std::vector<float>{10, 20, 30});
  std::vector<float> memory(3, -1.0F);
  const Tensor into = Tensor::borrow(DType::f32, {1, 3}, memory.data(), sizeof(float) * 3);
  const std::vector<Value> outputs = run_into(session, x, {into});
  EXPECT_EQ(outputs[0].tensor().raw(), memory.data());
  EXPECT_EQ(memory, (std::vector<float>{11, 22, 33}));
}

TEST(GivenMemory, MayBeThatOfAnInput) {
  Session session = sum_session();
  std::vector<float> memory{10, 20, 30};
  const Tensor both = Tensor::borrow(DType::f32, {1, 3}, memory.data(), sizeof(float) * 3);
  run_into(session, both, {both});
  EXPECT_EQ(memory, (std::vector<float>{11, 22, 33}));
}

TEST(GivenMemory, MustFit) {
  Session session = sum_session();
  const Tensor x(DType::f32, {1, 3});
  EXPECT_THROW(run_into(session, x, {Tensor(DType::f32, {3})}), Error);
  EXPECT_THROW(run_into(session, x, {Tensor(DType::f64, {1, 3})}), Error);
  EXPECT_NO_THROW(run_into(session, x, {Tensor()}));
}

TEST(GivenMemory, ConcurrentRunsWriteTheirOwn) {
  Session session = sum_session({.threads = 2});
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&session, t] {
      const auto own = static_cast<float>(t);
      const Tensor x = Tensor::from<float>({1, 3}, std::vector<float>{own, own, own});
      std::vector<float> memory(3);
      const Tensor into = Tensor::borrow(DType::f32, {1, 3}, memory.data(), sizeof(float) * 3);
      for (int i = 0; i < 200; ++i) {
        memory.assign(3, 0.0F);
        run_into(session, x, {into});
        EXPECT_EQ(memory, (std::vector<float>{own + 1, own + 2, own + 3}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(ChangedModel, HasTheDimsThatWereSet) {
  Model model = Model::from_memory(bytes_of(sum_model()));
  EXPECT_THROW(model.set_dim("batch", -1), Error);
  model.set_dim("batch", 2);
  EXPECT_EQ(model.inputs()[0].shape[0].value, 2);
  EXPECT_EQ(model.outputs()[0].shape[0].value, 2);
  Session session(Engine::build(std::move(model), {.tune = Tune::off, .verify = false}));
  EXPECT_NO_THROW(session.run({{"x", Tensor(DType::f32, {2, 3})}}));
  EXPECT_THROW(session.run({{"x", Tensor(DType::f32, {1, 3})}}), Error);
}

TEST(ChangedModel, HasTheInitializersThatWereSet) {
  ModelMaker maker;
  maker.input("x", Type::tensor(DType::f32, SymShape{2}));
  maker.constant("w", Tensor::vector<float>({1, 2}));
  maker.node("Add", {"x", "w"}, "y").output("y", Type::tensor(DType::f32, SymShape{2}));
  const std::string bytes = maker.onnx();
  Model model = Model::from_memory(bytes_of(bytes));
  EXPECT_THROW(model.set_initializer("x", Tensor::vector<float>({5, 6})), Error);
  EXPECT_THROW(model.set_initializer("w", Tensor::vector<float>({5})), Error);
  model.set_initializer("w", Tensor::vector<float>({5, 6}));
  Session session(Engine::build(std::move(model), {.tune = Tune::off, .rewrite = false, .verify = false}));
  const std::vector<Value> outputs = session.run({{"x", Tensor::vector<float>({1, 1})}});
  EXPECT_TRUE(equal_bits(outputs[0].tensor(), Tensor::vector<float>({6, 7})));
}

}  // namespace
}  // namespace kiln::api_test
