#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "kiln/graph_builder.hpp"
#include "kiln/kiln.hpp"

/// A single node that takes long asks again and again whether it should stop, whatever the operator. How long it takes
/// from one time to the next is printed (bench/stopping.py shows it from the outside), and not judged.
namespace kiln::api_test {
namespace {

double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

/// Numbers in no order.
template <class T>
Tensor mixed(const Shape& shape) {
  Tensor made = Tensor::from<T>(shape, std::vector<T>(static_cast<size_t>(element_count(shape))));
  uint64_t state = 1;
  for (T& x : made.template mutable_elements<T>()) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    x = static_cast<T>(static_cast<double>(state >> 40) / 1e5);
  }
  return made;
}

struct Case {
  const char* name;
  DType dtype;
  Shape shape;
  std::function<std::vector<Var>(GraphBuilder& b, const Var& x)> build;
};

Var number(GraphBuilder& b, int64_t value) { return b.constant(Tensor::vector<int64_t>({value})); }

std::vector<Var> one(const Var& y) { return {y}; }

template <class T>
Tensor filled(const Shape& shape, T value) {
  return Tensor::from<T>(shape, std::vector<T>(static_cast<size_t>(element_count(shape)), value));
}

Var boxes_kept(GraphBuilder& b, const Var& x) {
  const Var scores = b.reshape(b.op("Slice", {x, number(b, 0), number(b, 1), number(b, 2)}), {1, 1, -1});
  const Var limit = number(b, 100000), threshold = b.constant(Tensor::vector<float>({0.99F}));
  return b.op("NonMaxSuppression", {x, scores, limit, threshold});
}

const std::vector<Case>& cases() {
  using F = std::vector<Var>;
  static const std::vector<Case> all{
      {"TopK",
       DType::f32,
       {3000000},
       [](auto& b, auto& x) {
         return b.ops("TopK", {x, number(b, 300000)}, {}, 2);
       }},
      {"Unique", DType::i64, {1500000}, [](auto& b, auto& x) { return b.ops("Unique", {x}, {}, 4); }},
      {"UniqueUnsorted",
       DType::f32,
       {1000000},
       [](auto& b, auto& x) {
         return F{b.op("Unique", {x}, {{"sorted", 0}})};
       }},
      {"NonMaxSuppression", DType::f32, {1, 20000, 4}, [](auto& b, auto& x) { return one(boxes_kept(b, x)); }},
      {"Product64",
       DType::f64,
       {700, 1500},
       [](auto& b, auto& x) {
         return one(b.matmul(x, b.constant(mixed<double>({1500, 600}))));
       }},
      {"ProductOfOneRow64",
       DType::f64,
       {1, 4000},
       [](auto& b, auto& x) {
         return one(b.matmul(x, b.constant(mixed<double>({4000, 3000}))));
       }},
      {"Einsum",
       DType::f32,
       {150, 200},
       [](auto& b, auto& x) {
         return one(b.op("Einsum", {x, x, x}, {{"equation", std::string("ij,ik,il->jkl")}}));
       }},
      {"CumSum",
       DType::f64,
       {10000000},
       [](auto& b, auto& x) {
         return one(b.op("CumSum", {x, number(b, 0)}));
       }},
      {"Sum64", DType::f64, {10000000}, [](auto& b, auto& x) { return one(b.op("ReduceSum", {x})); }},
      {"ArgMax64", DType::f64, {10000000}, [](auto& b, auto& x) { return one(b.op("ArgMax", {x})); }},
      {"Softmax64", DType::f64, {1, 5000000}, [](auto& b, auto& x) { return one(b.softmax(x)); }},
      {"ConvTranspose64",
       DType::f64,
       {1, 16, 60, 60},
       [](auto& b, auto& x) {
         return one(b.conv_transpose2d(x, b.constant(mixed<double>({16, 1, 31, 31}))));
       }},
      {"Conv64",
       DType::f64,
       {1, 16, 120, 120},
       [](auto& b, auto& x) {
         return one(b.conv2d(x, b.constant(mixed<double>({8, 16, 7, 7}))));
       }},
      {"ResizeCubic",
       DType::f64,
       {1, 1, 300, 300},
       [](auto& b, auto& x) {
         const Var scales = b.constant(Tensor::vector<float>({1, 1, 8, 8}));
         return one(b.op("Resize", {x, {}, scales}, {{"mode", std::string("cubic")}}));
       }},
      {"Dft", DType::f32, {1, 1000003, 1}, [](auto& b, auto& x) { return one(b.op("DFT", {x})); }},
      {"Det", DType::f64, {1, 700, 700}, [](auto& b, auto& x) { return one(b.op("Det", {x})); }},
      {"Scatter",
       DType::i64,
       {3000000},
       [](auto& b, auto& x) {
         const Var places = b.op("Mod", {x, number(b, 1000)});
         return one(b.op("ScatterElements", {b.constant(filled<int64_t>({1000}, 1)), places, x},
                         {{"reduction", std::string("add")}}));
       }},
      {"GatherElements",
       DType::i64,
       {3000000},
       [](auto& b, auto& x) {
         return one(b.op("GatherElements", {b.constant(mixed<float>({1000})), b.op("Mod", {x, number(b, 1000)})}));
       }},
      {"NonZero", DType::f32, {3000, 3000}, [](auto& b, auto& x) { return one(b.op("NonZero", {x})); }},
      {"Random", DType::f32, {8000000}, [](auto& b, auto& x) { return one(b.op("RandomNormalLike", {x})); }},
      {"Texts",
       DType::f32,
       {800000},
       [](auto& b, auto& x) {
         return one(b.op("Cast", {x}, {{"to", TensorType{.dtype = DType::string}}}));
       }},
      {"Lstm64",
       DType::f64,
       {300, 1, 64},
       [](auto& b, auto& x) {
         const Var w = b.constant(mixed<double>({1, 1024, 64})), r = b.constant(mixed<double>({1, 1024, 256}));
         return one(b.op("LSTM", {x, w, r}, {{"hidden_size", 256}}));
       }},
      {"MaxPool64",
       DType::f64,
       {1, 1, 400, 400},
       [](auto& b, auto& x) { return one(b.max_pool2d(x, 41, {.padding = {20}})); }},
      {"LoopInBranch",
       DType::f32,
       {2000},
       [](auto& b, auto& x) {
         return b.if_else(
             b.constant(Tensor::scalar(true)),
             [&] {
               return b.loop(number(b, 3000), {}, {x}, [&](const Var&, const F& state) {
                 return Turn{.state = {b.op("Cos", {b.add(state[0], x)})}};
               });
             },
             [&] { return F{x}; });
       }},
      {"TopKInLoop",
       DType::f32,
       {1000000},
       [](auto& b, auto& x) {
         return b.loop(number(b, 2), {}, {x}, [&](const Var&, const F& state) {
           return Turn{.state = {b.ops("TopK", {state[0], number(b, 1000000)}, {{"largest", 0}}, 2)[0]}};
         });
       }},
      {"Product", DType::f32, {3000, 3000}, [](auto& b, auto& x) { return one(b.matmul(x, x)); }},
      {"Convolution",
       DType::f32,
       {1, 64, 300, 300},
       [](auto& b, auto& x) {
         return one(b.conv2d(x, b.constant(mixed<float>({64, 64, 5, 5})), {}, {.padding = {2}}));
       }},
      {"Attention",
       DType::f32,
       {1, 1, 4000, 64},
       [](auto& b, auto& x) {
         return one(b.op("Attention", {x, x, x}));
       }},
      {"Attention64",
       DType::f64,
       {1, 1, 1000, 64},
       [](auto& b, auto& x) {
         return one(b.op("Attention", {x, x, x}));
       }},
      {"Chain64", DType::f64, {5000000}, [](auto& b, auto& x) { return one(b.op("Erf", {b.sigmoid(x)})); }},
      {"LayerNormOfLong",
       DType::f64,
       {1, 4000000},
       [](auto& b, auto& x) { return one(b.layer_norm(x, b.constant(filled<double>({1}, 1)))); }},
  };
  return all;
}

class Stop : public ::testing::TestWithParam<size_t> {};

TEST_P(Stop, IsAskedForOften) {
  const Case& each = cases()[GetParam()];
  GraphBuilder b;
  const std::vector<GraphBuilder::AxisDim> dims(each.shape.begin(), each.shape.end());
  for (const Var& y : each.build(b, b.input("x", each.dtype, dims))) b.output(y);
  Session session(b.model(), {.threads = 1});
  const Tensor x = each.dtype == DType::f64   ? mixed<double>(each.shape)
                   : each.dtype == DType::i64 ? mixed<int64_t>(each.shape)
                                              : mixed<float>(each.shape);
  RunOptions options;
  double before = 0, longest = 0;
  int asked = 0;
  options.interrupted = [&] {
    const double now = cpu_seconds();
    if (asked++ > 0) longest = std::max(longest, now - before);
    before = now;
    return false;
  };
  session.run({{"x", x}}, {}, options);
  RecordProperty("asked", asked);
  RecordProperty("longest_us", static_cast<int>(longest * 1e6));
  constexpr int least = 8;  // the cases take a tenth of a second and more
  EXPECT_GE(asked, least);
  // And what was asked for is done.
  const int total = asked;
  asked = 0;
  options.interrupted = [&] { return ++asked == total / 2; };
  EXPECT_THROW(session.run({{"x", x}}, {}, options), Error);
  EXPECT_EQ(asked, total / 2);
}

INSTANTIATE_TEST_SUITE_P(Cases, Stop, ::testing::Range(size_t{0}, cases().size()),
                         [](const auto& test) { return cases()[test.param].name; });

}  // namespace
}  // namespace kiln::api_test
