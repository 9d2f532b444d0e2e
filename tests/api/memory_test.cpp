#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "api/small_models.hpp"
#include "base/cpu.hpp"
#include "base/scratch_folder.hpp"
#include "kiln/kiln.h"
#include "kiln/kiln.hpp"
#include "runtime/runtime_knobs.hpp"

namespace kiln {
namespace {

using api_test::bytes_of;
using api_test::ModelMaker;

Attribute ints(const std::string& name, std::vector<int64_t> values) {
  return {.name = name, .type = AttributeType::ints, .data = std::move(values)};
}

Tensor wave(Shape shape) {
  Tensor tensor(DType::f32, std::move(shape));
  for (int64_t i = 0; i < tensor.size(); ++i) {
    tensor.mutable_data<float>()[i] = 0.02f * static_cast<float>(i % 11 - 5);
  }
  return tensor;
}

/// Pictures of any size with many channels on the way.
std::string network() {
  const SymShape any{1, 8, Dim::symbol("h"), Dim::symbol("w")};
  ModelMaker maker;
  maker.input("x", Type::tensor(DType::f32, any)).output("y", Type::tensor(DType::f32, any));
  maker.constant("w1", wave({64, 8, 3, 3})).constant("w2", wave({8, 64, 3, 3}));
  maker.node("Conv", {"x", "w1"}, "a").model.graph.nodes.back().attributes = {ints("pads", {1, 1, 1, 1})};
  maker.node("Relu", {"a"}, "b");
  maker.node("Conv", {"b", "w2"}, "y").model.graph.nodes.back().attributes = {ints("pads", {1, 1, 1, 1})};
  return maker.onnx();
}

Session::Feeds picture(int64_t height, int64_t width) {
  Tensor x(DType::f32, {1, 8, height, width});
  for (int64_t i = 0; i < x.size(); ++i) x.mutable_data<float>()[i] = static_cast<float>(i % 17) / 17;
  return {{"x", std::move(x)}};
}

Session make_session(const SessionOptions& options = {}) {
  return Session(Model::from_memory(bytes_of(network())), options);
}

class Memory : public testing::Test {
 protected:
  void SetUp() override {
    if (best_isa() == Isa::portable) GTEST_SKIP() << "reference code has no plans to bound";
  }
  void TearDown() override {
    for (KnobBase* knob : runtime_knobs()) knob->reset();
  }
};

TEST_F(Memory, PlansAreKeptUpToANumber) {
  max_plans.set(4);
  Session session = make_session();
  for (int64_t size = 8; size < 20; ++size) session.run(picture(size, 8));
  SessionMemory memory = session.memory();
  EXPECT_EQ(memory.plans, 4);
  EXPECT_EQ(memory.plans_made, 12);
  EXPECT_GT(memory.plan_bytes, 0);
  EXPECT_GT(memory.plan_seconds, 0);
  for (int64_t size = 16; size < 20; ++size) session.run(picture(size, 8));
  EXPECT_EQ(session.memory().plans_made, 12) << "the latest four are remembered";
  session.run(picture(8, 8));
  EXPECT_EQ(session.memory().plans_made, 13);
}

TEST_F(Memory, PlansAreKeptUpToTheirBytes) {
  Session session = make_session();
  session.run(picture(8, 8));
  max_plan_bytes.set(session.memory().plan_bytes * 5 / 2);
  for (int64_t size = 9; size < 16; ++size) session.run(picture(size, 8));
  EXPECT_EQ(session.memory().plans, 2);
  max_plan_bytes.set(1);
  session.run(picture(30, 8));
  EXPECT_EQ(session.memory().plans, 1) << "the latest stays";
}

TEST_F(Memory, TheArenaIsThatOfTheLargestPlanKept) {
  max_plans.set(2);
  Session session = make_session();
  session.run(picture(400, 400));
  const int64_t large = session.memory().arena_bytes;
  EXPECT_EQ(large, session.memory().latest.arena_bytes);
  session.run(picture(100, 100));
  EXPECT_EQ(session.memory().arena_bytes, large);
  const int64_t small = session.memory().latest.arena_bytes;
  session.run(picture(100, 132));
  EXPECT_EQ(session.memory().arena_bytes, std::max(small, session.memory().latest.arena_bytes));
  EXPECT_LT(session.memory().arena_bytes, large / 4);
  const Value before = session.run(picture(400, 400))[0];
  EXPECT_TRUE(equal_bits(before.tensor(), make_session().run(picture(400, 400))[0].tensor()));
}

TEST_F(Memory, TrimGivesAllBack) {
  Session session = make_session();
  const Value expected = session.run(picture(64, 64))[0];
  const SessionMemory held = session.memory();
  EXPECT_GT(held.arena_bytes, 0);
  EXPECT_GT(held.packed_bytes, 0);
  EXPECT_EQ(held.weight_bytes, 2 * 8 * 64 * 9 * 4);
  EXPECT_EQ(held.latest.output_bytes, 8 * 64 * 64 * 4);
  session.trim();
  const SessionMemory trimmed = session.memory();
  EXPECT_EQ(trimmed.arena_bytes + trimmed.plan_bytes + trimmed.plans + trimmed.kept_bytes, 0);
  EXPECT_EQ(trimmed.weight_bytes, held.weight_bytes);
  EXPECT_TRUE(equal_bits(expected.tensor(), session.run(picture(64, 64))[0].tensor()));
}

TEST_F(Memory, WhatIsIdleIsGivenBackByItself) {
  idle_memory_ms.set(30);
  Session session = make_session();
  for (int round = 0; round < 2; ++round) {
    session.run(picture(64, 64));
    EXPECT_GT(session.memory().arena_bytes, 0);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (session.memory().arena_bytes > 0 && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(session.memory().arena_bytes, 0);
    EXPECT_EQ(session.memory().kept_bytes, 0);
    EXPECT_EQ(session.memory().plans, 1) << "plans stay";
  }
}

TEST_F(Memory, NothingIsGivenBackWhereTheKnobSaysSo) {
  idle_memory_ms.set(0);
  Session session = make_session();
  session.run(picture(64, 64));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_GT(session.memory().arena_bytes, 0);
}

TEST_F(Memory, SessionsMayEndWhileTheyAreWatched) {
  idle_memory_ms.set(1);
  for (int i = 0; i < 50; ++i) {
    Session session = make_session();
    session.run(picture(16, 16));
    if (i % 2 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST_F(Memory, ALimitIsHeldOrRefusedBeforeTheRun) {
  Session free = make_session();
  bands_knob.set(BandsChoice::off);
  const Value expected = free.run(picture(256, 256))[0];
  bands_knob.reset();
  const RunMemory needed = free.memory().latest;
  const int64_t whole = needed.arena_bytes + needed.output_bytes + free.memory().plan_bytes;
  Session session = make_session({.max_memory = whole});
  EXPECT_TRUE(equal_bits(expected.tensor(), session.run(picture(256, 256))[0].tensor()));
  // With less the picture goes through in bands.
  session.set_max_memory(whole * 9 / 10);
  EXPECT_TRUE(equal_bits(expected.tensor(), session.run(picture(256, 256))[0].tensor()));
  const SessionMemory held = session.memory();
  EXPECT_LE(held.arena_bytes + held.plan_bytes + held.latest.output_bytes, whole * 9 / 10);
  session.set_max_memory(1 << 20);
  try {
    session.run(picture(256, 256));
    FAIL() << "a run of more than a mebibyte";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::limit_exceeded);
    EXPECT_NE(std::string(error.what()).find("these input shapes need at least"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("more than 1048576 (max_memory)"), std::string::npos) << error.what();
  }
  session.run(picture(32, 32));
  session.set_max_memory(0);
  max_memory.set(1 << 20);
  EXPECT_THROW(session.run(picture(256, 256)), Error);
  EXPECT_THROW(session.set_max_memory(-1), Error);
  EXPECT_THROW(make_session({.max_memory = -1}), Error);
}

TEST_F(Memory, TheLeastThatAnErrorNamesIsEnough) {
  Session session = make_session({.max_memory = 1000});
  std::string message;
  try {
    session.run(picture(128, 128));
  } catch (const Error& error) {
    message = error.what();
  }
  const size_t at = message.find("at least ");
  ASSERT_NE(at, std::string::npos) << message;
  const int64_t least = std::stoll(message.substr(at + 9));
  session.set_max_memory(least);
  session.run(picture(128, 128));
  session.set_max_memory(least - 10'000);
  EXPECT_THROW(session.run(picture(128, 128)), Error);
}

TEST_F(Memory, ALimitForgetsOldPlans) {
  Session session = make_session();
  for (int64_t size = 8; size < 24; ++size) session.run(picture(size, 8));
  const int64_t plan = session.memory().plan_bytes / 16;
  session.run(picture(64, 64));
  const RunMemory needed = session.memory().latest;
  const int64_t most = needed.arena_bytes + needed.output_bytes + 4 * plan;
  session.set_max_memory(most);
  session.run(picture(64, 64));
  const SessionMemory held = session.memory();
  EXPECT_LT(held.plans, 6);
  EXPECT_LE(held.arena_bytes + held.plan_bytes + held.kept_bytes, most + 4096)
      << "the output was freed, and is kept now";
}

/// KB of a mapped file that are in the process's memory.
int64_t resident_kb(const std::string& path) {
  std::ifstream maps("/proc/self/smaps");
  int64_t sum = 0;
  bool is_inside = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) is_inside = line.ends_with(path);
    if (is_inside && line.starts_with("Rss:")) sum += std::stoll(line.substr(4));
  }
  return sum;
}

/// Weights of a file that were packed are not in memory a second time, wherever in the file they lie.
TEST_F(Memory, PackedWeightsStayInTheFile) {
  const ScratchFolder folder;
  const Tensor weights = wave({600, 512});
  for (const char* author : {"a", "ab", "abc", "abcd"}) {
    ModelMaker maker;
    maker.model.metadata = {{"author", author}};
    const SymShape open{Dim::symbol("m"), Dim::symbol("k")};
    maker.input("x", Type::tensor(DType::f32, open)).output("y", Type::tensor(DType::f32, open));
    maker.constant("w", weights).node("MatMul", {"x", "w"}, "y");
    const std::string path = folder.write(std::string(author) + ".onnx", maker.onnx());
    Session session(Model::load(path));
    EXPECT_LT(resident_kb(path), 300) << author;
    Tensor x = wave({20, 600});
    const Value expected = Session(Model::load(path), {.optimize = false}).run({{"x", x}})[0];
    const Value found = session.run({{"x", x}})[0];
    ASSERT_EQ(found.tensor().shape(), expected.tensor().shape());
    for (int64_t i = 0; i < found.tensor().size(); ++i) {
      ASSERT_NEAR(found.tensor().data<float>()[i], expected.tensor().data<float>()[i], 1e-4) << i;
    }
    // Reference code says what is wrong, and finds them where they lie.
    try {
      session.run({{"x", wave({20, 100})}});
      FAIL() << "a product of 100 columns and 600 rows";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("MatMul"), std::string::npos) << error.what();
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument) << error.what();
    }
  }
}

TEST_F(Memory, TheCInterfaceHasItToo) {
  const std::string bytes = network();
  kiln_model* model = nullptr;
  kiln_session* session = nullptr;
  ASSERT_EQ(kiln_model_from_memory(bytes.data(), bytes.size(), &model), KILN_OK);
  ASSERT_EQ(kiln_session_create(model, 0, &session), KILN_OK);
  kiln_model_free(model);
  const Session::Feeds feeds = picture(128, 128);
  const Tensor& x = feeds[0].second.tensor();
  kiln_value *input = nullptr, *output = nullptr;
  ASSERT_EQ(kiln_tensor_borrow(KILN_F32, x.shape().data(), 4, x.raw(), x.bytes(), nullptr, nullptr, &input), KILN_OK);
  const char* const name = "x";
  const auto run = [&] { return kiln_session_run(session, &name, &input, 1, nullptr, 1, &output, nullptr); };
  ASSERT_EQ(run(), KILN_OK);
  kiln_value_free(output);
  kiln_memory memory;
  ASSERT_EQ(kiln_session_memory(session, &memory), KILN_OK);
  EXPECT_GT(memory.arena, 0);
  EXPECT_EQ(memory.plan_count, 1);
  EXPECT_EQ(kiln_session_memory(session, nullptr), KILN_INVALID_ARGUMENT);
  ASSERT_EQ(kiln_session_set_max_memory(session, 100'000), KILN_OK);
  EXPECT_EQ(run(), KILN_LIMIT_EXCEEDED);
  EXPECT_EQ(kiln_session_set_max_memory(session, -5), KILN_INVALID_ARGUMENT);
  ASSERT_EQ(kiln_session_trim(session), KILN_OK);
  ASSERT_EQ(kiln_session_memory(session, &memory), KILN_OK);
  EXPECT_EQ(memory.arena + memory.plans + memory.plan_count + memory.kept, 0);
  kiln_value_free(input);
  kiln_session_free(session);
}

}  // namespace
}  // namespace kiln
