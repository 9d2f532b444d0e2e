#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <thread>

#include "kiln/graph_builder.hpp"
#include "kiln/kiln.hpp"
#include "runtime/runtime_knobs.hpp"

/// Nodes that take long are done in turns, between which a run can be stopped.
namespace kiln::api_test {
namespace {

/// Every node takes as many turns as it may.
struct ShortTurns {
  ShortTurns() { turn_us.set(1); }
  ~ShortTurns() { turn_us.set(15'000); }
};

Tensor waves(const Shape& shape, float step) {
  Tensor made(DType::f32, shape);
  float at = 0;
  for (float& x : made.mutable_elements<float>()) x = std::sin(at += step);
  return made;
}

/// One matrix by a constant one.
Model product(int64_t size) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {size, size});
  b.output(b.matmul(x, b.constant(waves({size, size}, 0.7F))), "y");
  return b.model();
}

struct Case {
  const char* name;
  std::function<Var(GraphBuilder&, const Var&)> build;
  Shape shape;
};

Var conv(GraphBuilder& b, const Var& x, const Shape& weights, int64_t groups = 1) {
  return b.conv2d(x, b.constant(waves(weights, 0.3F)), {}, {.padding = {weights[2] / 2}, .groups = groups});
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"Product",
       [](auto& b, auto& x) {
         return b.matmul(x, b.constant(waves({200, 150}, 0.7F)));
       },
       {170, 200}},
      {"LargeProduct",
       [](auto& b, auto& x) {
         return b.matmul(x, b.constant(waves({768, 640}, 0.7F)));
       },
       {600, 768}},
      {"Square", [](auto& b, auto& x) { return b.matmul(x, x); }, {3, 180, 180}},
      {"Conv3",
       [](auto& b, auto& x) {
         return conv(b, x, {48, 32, 3, 3});
       },
       {1, 32, 60, 60}},
      {"Conv3Wide",
       [](auto& b, auto& x) {
         return conv(b, x, {256, 256, 3, 3});
       },
       {1, 256, 14, 14}},
      {"Conv1",
       [](auto& b, auto& x) {
         return conv(b, x, {96, 64, 1, 1});
       },
       {2, 64, 40, 40}},
      {"Conv5",
       [](auto& b, auto& x) {
         return conv(b, x, {24, 20, 5, 5});
       },
       {1, 20, 50, 50}},
      {"First",
       [](auto& b, auto& x) {
         return conv(b, x, {32, 3, 3, 3});
       },
       {1, 3, 90, 90}},
      {"Depthwise",
       [](auto& b, auto& x) {
         return conv(b, x, {64, 1, 3, 3}, 64);
       },
       {1, 64, 60, 60}},
      {"Means",
       [](auto& b, auto& x) {
         return b.global_average_pool(conv(b, x, {64, 1, 3, 3}, 64));
       },
       {1, 64, 60, 60}},
      {"Transposed",
       [](auto& b, auto& x) {
         return b.conv_transpose2d(x, b.constant(waves({24, 16, 3, 3}, 0.3F)), {}, {.stride = {2}});
       },
       {1, 24, 40, 40}},
      {"Attention",
       [](auto& b, auto& x) {
         return b.op("Attention", {x, x, x});
       },
       {1, 4, 150, 32}},
      {"Softmax", [](auto& b, auto& x) { return b.softmax(x); }, {300, 200}},
      {"Chain", [](auto& b, auto& x) { return b.mul(b.sigmoid(x), b.gelu(x)); }, {500, 300}},
      {"Pool", [](auto& b, auto& x) { return b.max_pool2d(b.relu(x), 3, {.stride = {2}}); }, {1, 32, 90, 90}},
      {"Resize",
       [](auto& b, auto& x) {
         const Var scales = b.constant(Tensor::from<float>({4}, std::vector<float>{1, 1, 2, 2}));
         return b.op("Resize", {x, {}, scales}, {{"mode", std::string("linear")}});
       },
       {1, 24, 40, 40}},
      {"Transpose",
       [](auto& b, auto& x) {
         return b.transpose(x, {2, 0, 1});
       },
       {40, 50, 60}},
      {"LayerNorm", [](auto& b, auto& x) { return b.layer_norm(x, b.constant(waves({256}, 0.1F))); }, {400, 256}},
      {"Reduced", [](auto& b, auto& x) { return b.op("ReduceMax", {x}); }, {400, 256}},
      {"Picture",
       [](auto& b, auto& x) {
         Var y = b.relu(conv(b, x, {16, 8, 3, 3}));
         y = b.relu(conv(b, y, {16, 1, 3, 3}, 16));
         return b.add(conv(b, y, {16, 16, 1, 1}), y);
       },
       {1, 8, 200, 120}},
      {"Residual",
       [](auto& b, auto& x) {
         const Var first = b.relu(conv(b, x, {16, 8, 3, 3}));
         const Var y = b.add(conv(b, b.relu(conv(b, first, {16, 1, 3, 3}, 16)), {16, 16, 1, 1}), first);
         const Var wide = b.relu(conv(b, y, {64, 16, 1, 1}));
         const Var weights = b.constant(waves({64, 1, 3, 3}, 0.3F));
         return b.conv2d(wide, weights, {}, {.stride = {2}, .padding = {1}, .groups = 64});
       },
       {1, 8, 112, 112}},
  };
  return all;
}

class LongSteps : public ::testing::TestWithParam<size_t> {};

TEST_P(LongSteps, GiveTheSameInTurns) {
  const Case& each = cases()[GetParam()];
  GraphBuilder b;
  const std::vector<GraphBuilder::AxisDim> dims(each.shape.begin(), each.shape.end());
  const Var x = b.input("x", DType::f32, dims);
  b.output(each.build(b, x), "y");
  const Session::Feeds feeds{{"x", waves(each.shape, 0.11F)}};
  bands_knob.set(BandsChoice::off);
  const Tensor expected = Session(b.model(), {.threads = 1}).run(feeds)[0].tensor();
  for (const BandsChoice bands : {BandsChoice::off, BandsChoice::on}) {
    bands_knob.set(bands);
    for (const int threads : {1, 2}) {
      const ShortTurns turns;
      Session session(b.model(), {.threads = threads});
      for (int run = 0; run < 2; ++run) {
        const Tensor found = session.run(feeds)[0].tensor();
        ASSERT_EQ(found.shape(), expected.shape());
        for (int64_t i = 0; i < found.size(); ++i) {
          const auto at = static_cast<size_t>(i);
          const float f = found.elements<float>()[at], e = expected.elements<float>()[at];
          ASSERT_NEAR(f, e, 1e-4F * std::max(1.0F, std::abs(e))) << i;
        }
      }
    }
  }
  bands_knob.set(BandsChoice::automatic);
}

INSTANTIATE_TEST_SUITE_P(Cases, LongSteps, ::testing::Range(size_t{0}, cases().size()),
                         [](const auto& one) { return cases()[one.param].name; });

TEST(LongStep, StopsBetweenTurns) {
  const ShortTurns turns;
  Session session(product(512));
  const Session::Feeds feeds{{"x", waves({512, 512}, 0.1F)}};
  session.run(feeds);
  int asked = 0;
  RunOptions options;
  options.interrupted = [&asked] { return ++asked == 4; };
  EXPECT_THROW(session.run(feeds, {}, options), Error);
  EXPECT_EQ(asked, 4);
}

/// As Python's threads do: an engine, a session for each caller, results of their own, and runs that are stopped.
TEST(LongStep, ConcurrentCallersOfAnEngineStopTheirOwn) {
  const ShortTurns turns;
  const Engine engine = Engine::build(product(160), {.tune = Tune::off, .verify = false});
  const Tensor x = waves({160, 160}, 0.1F);
  const Tensor expected = Session(engine).run({{"x", x}})[0].tensor();
  std::atomic<int> stopped{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      Session session(engine, {.threads = 1 + t % 2});
      std::atomic<bool> cancel{false};
      for (int i = 0; i < 20; ++i) {
        cancel = false;
        RunOptions options{.cancel = &cancel};
        std::thread stopper;
        if (t % 2 == 1 && i % 2 == 1) stopper = std::thread([&cancel] { cancel = true; });
        try {
          const Tensor found = session.run({{"x", x}}, {}, options)[0].tensor();
          EXPECT_TRUE(std::ranges::equal(found.elements<float>(), expected.elements<float>(),
                                         [](float a, float b) { return std::abs(a - b) < 1e-4F; }));
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::cancelled);
          ++stopped;
        }
        if (stopper.joinable()) stopper.join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(stopped, 40);
}

}  // namespace
}  // namespace kiln::api_test
