#include <gtest/gtest.h>

#include <thread>

#include "api/small_models.hpp"

namespace kiln::api_test {
namespace {

Session sum_session() { return Session(Model::from_memory(bytes_of(sum_model()))); }

ErrorCode code_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()), "");
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::internal;
}

TEST(Session, RunsAModelFromMemory) {
  Session session = sum_session();
  const std::vector<Value> outputs = session.run({{"x", Tensor::from<float>({1, 3}, std::vector<float>{10, 20, 30})}});
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_TRUE(equal_bits(outputs[0].tensor(), Tensor::from<float>({1, 3}, std::vector<float>{11, 22, 33})));
}

TEST(Session, SaysWhatAModelTakesAndGives) {
  const Model model = Model::from_memory(bytes_of(sum_model()));
  ASSERT_EQ(model.inputs().size(), 1u);
  const PortInfo& x = model.inputs().front();
  EXPECT_EQ(x.name, "x");
  EXPECT_EQ(x.type, "tensor(float)");
  EXPECT_EQ(x.dtype, DType::f32);
  ASSERT_EQ(x.shape.size(), 2u);
  EXPECT_EQ(x.shape[0].value, -1);
  EXPECT_EQ(x.shape[0].symbol, "batch");
  EXPECT_EQ(x.shape[1].value, 3);
  EXPECT_FALSE(x.optional);
  ASSERT_EQ(model.outputs().size(), 1u);
  EXPECT_EQ(model.outputs()[0].shape.at(0).symbol, "batch");
  EXPECT_EQ(model.info().producer_name, "kiln tests");
  EXPECT_EQ(model.info().opsets, (std::vector<std::pair<std::string, int64_t>>{{"", 21}}));
  EXPECT_EQ(model.info().metadata, (std::vector<std::pair<std::string, std::string>>{{"author", "nobody"}}));
}

TEST(Session, BorrowsAModelThatItsKeeperKeeps) {
  auto bytes = std::make_shared<const std::string>(sum_model());
  const std::weak_ptr<const std::string> alive = bytes;
  {
    Session session(Model::from_memory(bytes_of(*bytes), bytes));
    bytes.reset();
    EXPECT_NO_THROW(session.run({{"x", Tensor(DType::f32, {2, 3})}}));
  }
  EXPECT_TRUE(alive.expired());
}

TEST(Session, GivesOutputsInTheOrderWanted) {
  Session session(Model::from_memory(bytes_of(text_model())));
  const Tensor a = Tensor::vector<std::string>({"x", ""}), b = Tensor::vector<std::string>({"y", "z"});
  const std::vector<Value> outputs = session.run({{"b", b}, {"a", a}}, {"both", "joined"});
  ASSERT_EQ(outputs.size(), 2u);
  EXPECT_TRUE(equal_bits(outputs[1].tensor(), Tensor::vector<std::string>({"xy", "z"})));
  ASSERT_EQ(outputs[0].sequence().items.size(), 2u);
  EXPECT_TRUE(equal_bits(outputs[0].sequence().items[1].tensor(), a));
}

TEST(Session, RefusesWhatDoesNotFit) {
  Session session = sum_session();
  const Tensor x(DType::f32, {1, 3});
  EXPECT_EQ(code_of([&] { session.run({}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.run({{"nothing", x}}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.run({{"x", x}}, {"nothing"}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.run({{"x", Tensor(DType::i64, {1, 3})}}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.run({{"x", Tensor(DType::f32, {1, 4})}}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { session.run({{"x", Sequence()}}); }), ErrorCode::invalid_argument);
}

TEST(Session, RefusesWhatIsNoModel) {
  EXPECT_EQ(code_of([] { Model::from_memory(bytes_of("this is no model")); }), ErrorCode::invalid_model);
  EXPECT_EQ(code_of([] { Model::load("/nowhere/model.onnx"); }), ErrorCode::not_found);
}

TEST(Session, TellsOfProgressAndCanBeCancelled) {
  Session session = sum_session();
  const Tensor x(DType::f32, {1, 3});
  std::vector<std::pair<size_t, size_t>> told;
  RunOptions options;
  options.progress = [&](size_t done, size_t total) { told.emplace_back(done, total); };
  session.run({{"x", x}}, {}, options);
  EXPECT_EQ(told, (std::vector<std::pair<size_t, size_t>>{{1, 1}}));

  const std::atomic<bool> stop{true};
  EXPECT_EQ(code_of([&] { session.run({{"x", x}}, {}, {.cancel = &stop}); }), ErrorCode::cancelled);
  EXPECT_NO_THROW(session.run({{"x", x}}));
}

TEST(Session, SurvivesAMoveAndATrim) {
  Session first = sum_session();
  Session session = std::move(first);
  session.run({{"x", Tensor(DType::f32, {64, 3})}});
  session.trim();
  EXPECT_NO_THROW(session.run({{"x", Tensor(DType::f32, {2, 3})}}));
}

TEST(Session, ThreadsAreCountedAndZeroTakesWhatTheProcessMayUse) {
  set_threads(3);
  EXPECT_EQ(threads(), 3);
  set_threads(0);
  EXPECT_GE(threads(), 1);
  EXPECT_THROW(set_threads(-1), Error);
}

TEST(Session, ConcurrentRunsDoNotMix) {
  Session session = sum_session();
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= 50; ++i) {
        const auto base = static_cast<float>(t * 1000);
        Tensor x(DType::f32, {i, 3});
        for (float& element : x.mutable_elements<float>()) element = base;
        const std::vector<Value> outputs = session.run({{"x", x}});
        const auto y = outputs[0].tensor().elements<float>();
        if (y.size() != static_cast<size_t>(3 * i) || y[0] != base + 1 || y.back() != base + 3) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Model, WritesItselfAsOnnx) {
  const Model model = Model::from_memory(bytes_of(sum_model()));
  Session again(Model::from_memory(bytes_of(model.to_onnx())));
  const std::vector<Value> outputs = again.run({{"x", Tensor(DType::f32, {1, 3})}});
  EXPECT_EQ(outputs[0].tensor().shape(), (Shape{1, 3}));
}

}  // namespace
}  // namespace kiln::api_test
