#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <optional>
#include <thread>

#include "api/small_models.hpp"
#include "base/cpu.hpp"
#include "kiln/kiln.hpp"

namespace {

/// Of the whole process, while it is above 0: helper threads must not allocate either.
std::atomic<int> counting{0};
std::atomic<int64_t> allocations{0};

void* counted_or_null(size_t bytes, size_t alignment) noexcept {
  if (counting.load(std::memory_order_relaxed) > 0) allocations.fetch_add(1, std::memory_order_relaxed);
  const size_t rounded = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  return std::aligned_alloc(alignment, rounded);
}
void* counted(size_t bytes, size_t alignment) {
  void* const memory = counted_or_null(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new[](size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(size_t bytes, std::align_val_t alignment) { return counted(bytes, static_cast<size_t>(alignment)); }
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<size_t>(alignment));
}
// What asks without an exception, as std::stable_sort does, gives back by the same operator delete.
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes, alignof(std::max_align_t));
}
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes, alignof(std::max_align_t));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace kiln {
namespace {

using api_test::bytes_of;
using api_test::ModelMaker;

Tensor wave(Shape shape, float scale) {
  Tensor tensor(DType::f32, std::move(shape));
  float* const to = tensor.mutable_data<float>();
  for (int64_t i = 0; i < tensor.size(); ++i) to[i] = scale * static_cast<float>((i * 7 + 3) % 23 - 11);
  return tensor;
}

Type floats(const Shape& shape) { return Type::tensor(DType::f32, SymShape(shape.begin(), shape.end())); }

Attribute ints(const std::string& name, std::vector<int64_t> values) {
  return {.name = name, .type = AttributeType::ints, .data = std::move(values)};
}

/// Two convolutions, pooling and a dense layer, with a result on the way.
ModelMaker network() {
  ModelMaker maker;
  maker.input("x", floats({1, 3, 64, 64})).output("y", floats({1, 10})).output("middle", floats({1, 32, 64, 64}));
  maker.constant("w1", wave({32, 3, 3, 3}, 0.02f)).constant("w2", wave({32, 32, 3, 3}, 0.01f));
  maker.constant("w3", wave({10, 32}, 0.1f));
  maker.node("Conv", {"x", "w1"}, "a").model.graph.nodes.back().attributes = {ints("pads", {1, 1, 1, 1})};
  maker.node("Relu", {"a"}, "b");
  maker.node("Conv", {"b", "w2"}, "c").model.graph.nodes.back().attributes = {ints("pads", {1, 1, 1, 1})};
  maker.node("Add", {"b", "c"}, "middle").node("GlobalAveragePool", {"middle"}, "d").node("Flatten", {"d"}, "e");
  maker.node("Gemm", {"e", "w3"}, "y").model.graph.nodes.back().attributes = {
      {.name = "transB", .type = AttributeType::int_, .data = int64_t{1}}};
  return maker;
}

/// Attention over one head, and a norm.
ModelMaker transformer() {
  ModelMaker maker;
  maker.input("x", floats({1, 32, 64})).output("y", floats({1, 32, 64}));
  for (const char* name : {"wq", "wk", "wv"}) maker.constant(name, wave({64, 64}, 0.01f));
  maker.constant("scale", wave({64}, 0.1f)).constant("bias", wave({64}, 0.1f));
  maker.node("MatMul", {"x", "wq"}, "q").node("MatMul", {"x", "wk"}, "k").node("MatMul", {"x", "wv"}, "v");
  maker.node("Transpose", {"k"}, "kt").model.graph.nodes.back().attributes = {ints("perm", {0, 2, 1})};
  maker.node("MatMul", {"q", "kt"}, "scores").node("Softmax", {"scores"}, "weights");
  maker.node("MatMul", {"weights", "v"}, "mixed").node("Add", {"mixed", "x"}, "sum");
  maker.node("LayerNormalization", {"sum", "scale", "bias"}, "normed").node("Gelu", {"normed"}, "y");
  return maker;
}

ModelMaker recurrent() {
  ModelMaker maker;
  maker.input("x", floats({20, 1, 32})).output("y", floats({20, 1, 1, 48}));
  maker.constant("w", wave({1, 192, 32}, 0.01f)).constant("r", wave({1, 192, 48}, 0.01f));
  maker.node("LSTM", {"x", "w", "r"}, "y").model.graph.nodes.back().attributes = {
      {.name = "hidden_size", .type = AttributeType::int_, .data = int64_t{48}}};
  return maker;
}

class SteadyState : public testing::TestWithParam<ModelMaker (*)()> {};

TEST_P(SteadyState, AllocatesNothing) {
  if (best_isa() == Isa::portable) GTEST_SKIP() << "reference code allocates";
  Session session(Model::from_memory(bytes_of(GetParam()().onnx())));
  Session::Feeds feeds;
  for (const PortInfo& port : session.inputs()) {
    Shape shape;
    for (const PortDim& dim : port.shape) shape.push_back(dim.value);
    feeds.emplace_back(port.name, wave(shape, 0.05f));
  }
  std::vector<Value> expected = session.run(feeds);
  std::vector<Tensor> results;
  for (const Value& value : expected) results.emplace_back(DType::f32, value.tensor().shape());
  Session::Targets targets;
  for (size_t i = 0; i < results.size(); ++i) targets.emplace_back(session.outputs()[i].name, &results[i]);
  for (int i = 0; i < 3; ++i) session.run_into(feeds, targets);
  for (Tensor& result : results) std::fill_n(result.mutable_data<float>(), result.size(), -1.0f);
  allocations = 0;
  counting = 1;
  for (int i = 0; i < 5; ++i) session.run_into(feeds, targets);
  counting = 0;
  EXPECT_EQ(allocations.load(), 0);
  counting = 1;
  session.run(feeds);
  counting = 0;
  EXPECT_GT(allocations.load(), 0) << "allocations are not counted";
  for (size_t i = 0; i < results.size(); ++i) EXPECT_TRUE(equal_bits(results[i], expected[i].tensor()));
}

INSTANTIATE_TEST_SUITE_P(Models, SteadyState, testing::Values(&network, &transformer, &recurrent));

/// oneDNN's interface keeps the arguments of each call in a map; beside that nothing may be allocated.
TEST(SteadyState, WithOneDnnOnlyItsOwnCallsAllocate) {
  ModelMaker maker;
  maker.input("x", floats({1, 16, 6, 8, 8})).output("y", floats({1, 32, 6, 8, 8}));
  maker.constant("w", wave({32, 16, 3, 3, 3}, 0.01f));
  maker.node("Conv", {"x", "w"}, "a").model.graph.nodes.back().attributes = {ints("pads", {1, 1, 1, 1, 1, 1})};
  maker.node("Relu", {"a"}, "y");
  BuildOptions options;
  options.tune = Tune::off, options.providers = {"onednn"}, options.threads = 2;
  std::optional<Engine> engine;
  try {
    engine = Engine::build(Model::from_memory(bytes_of(maker.onnx())), options);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    GTEST_SKIP() << error.what();
  }
  if (engine->info().variants[0].steps[0].tactic != "onednn_conv") GTEST_SKIP() << "no instruction set of oneDNN's";
  Session session(*engine);
  const Session::Feeds feeds{{"x", wave({1, 16, 6, 8, 8}, 0.05f)}};
  Tensor result(DType::f32, {1, 32, 6, 8, 8});
  for (int i = 0; i < 3; ++i) session.run_into(feeds, {{"y", &result}});
  const auto counted_run = [&] {
    allocations = 0;
    counting = 1;
    session.run_into(feeds, {{"y", &result}});
    counting = 0;
    return allocations.load();
  };
  const int64_t first = counted_run();
  EXPECT_LT(first, 2 * 20) << "two primitives run";
  for (int i = 0; i < 5; ++i) EXPECT_EQ(counted_run(), first);
}

TEST(SteadyState, TargetsMustFit) {
  Session session(Model::from_memory(bytes_of(recurrent().onnx())));
  const Session::Feeds feeds{{"x", wave({20, 1, 32}, 0.05f)}};
  Tensor wrong(DType::f32, {20, 1, 48}), right(DType::f32, {20, 1, 1, 48});
  EXPECT_THROW(session.run_into(feeds, {{"y", &wrong}}), Error);
  EXPECT_THROW(session.run_into(feeds, {{"z", &right}}), Error);
  session.run_into(feeds, {{"y", &right}});
  EXPECT_TRUE(equal_bits(right, session.run(feeds)[0].tensor()));
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

TEST(SteadyState, AnIdleProcessUsesNoCpu) {
  set_threads(2);
  Session session(Model::from_memory(bytes_of(network().onnx())));
  const Session::Feeds feeds{{"x", wave({1, 3, 64, 64}, 0.05f)}};
  for (int i = 0; i < 20; ++i) session.run(feeds);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // helpers look for work for a moment
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(cpu_seconds() - before, 0.005);
  set_threads(0);
}

}  // namespace
}  // namespace kiln
