#include "kernels/reduce/reduce.hpp"

#include "kernels/reduce/arg_reduce.hpp"
#include "kernels/reduce/cum_sum.hpp"
#include "kernels/reduce/topk.hpp"
#include "kernels/run_node.hpp"

namespace kiln::kernel_test {
namespace {

/// Whole numbers, so that many are equal, and sometimes some that are none.
Tensor numbers_with_ties(Philox& rng, Shape shape) {
  Tensor x(DType::f32, std::move(shape));
  constexpr float odd[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f};
  const bool spoiled = pick(rng, 0, 1) == 0;
  const int64_t range = pick(rng, 0, 1) == 0 ? 3 : 1000;
  for (float& value : x.mutable_elements<float>()) {
    value = static_cast<float>(pick(rng, -range, range));
    if (spoiled && pick(rng, 0, 30) == 0) value = odd[pick(rng, 0, 4)];
  }
  return x;
}

TEST(Reduce, EqualsTheReference) {
  constexpr const char* names[] = {"ReduceSum",    "ReduceMean",      "ReduceL1",  "ReduceL2",  "ReduceSumSquare",
                                   "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMin", "ReduceProd"};
  Philox rng(101);
  for (int i = 0; i < 600; ++i) {
    const int64_t kind = i % 10;
    Shape shape;
    std::vector<int64_t> axes;
    std::vector<bool> reduced;
    for (int64_t axis = pick(rng, 1, 5); axis > 0; --axis) {
      if (pick(rng, 0, 1) == 0) axes.push_back(static_cast<int64_t>(shape.size()));
      reduced.push_back(!axes.empty() && axes.back() == static_cast<int64_t>(shape.size()));
      shape.push_back(pick(rng, 0, 3) == 0 ? 1 : pick(rng, 1, axis == 1 ? 150 : 7));
    }
    if (i % 20 < 10 && !shape.empty() && kind != 9) shape[0] = pick(rng, 1, 400);
    Tensor x = random_tensor(rng, shape);
    if (kind == 5) {
      for (float& value : x.mutable_elements<float>()) value = std::fabs(value);
    }
    if (kind >= 6 && pick(rng, 0, 3) == 0) x = numbers_with_ties(rng, shape);
    const Tensor expected =
        run_node(names[kind], {x, Tensor::vector<int64_t>(axes)}, {{"noop_with_empty_axes", int64_t{1}}})[0];
    for (const Isa isa : usable_isas()) {
      const Reduce kernel(static_cast<Reduction>(kind), shape, reduced, isa);
      std::vector<float> out = rubbish(expected.size() + 1);
      run_parts(kernel, pick(rng, 1, 3), ReducePointers{x.data<float>(), out.data()});
      // Sums of hundreds of numbers of either sign are near 0 as often as not.
      EXPECT_LT(worst_difference(out.data(), expected), 3e-5) << kernel.name() << " of " << to_string(shape);
      EXPECT_EQ(out.back(), 1e9f);
    }
  }
}

TEST(ArgReduce, EqualsTheReference) {
  Philox rng(102);
  for (int i = 0; i < 300; ++i) {
    ArgReduceProblem p;
    p.least = i % 2 != 0;
    p.last = pick(rng, 0, 1) == 0;
    p.outer = pick(rng, 1, 4), p.n = pick(rng, 1, i % 3 == 0 ? 1500 : 30);
    if (i % 3 != 0) p.inner = pick(rng, 1, i % 9 == 1 ? 1200 : 150);
    const Tensor x = numbers_with_ties(rng, {p.outer, p.n, p.inner});
    const Tensor expected =
        run_node(p.least ? "ArgMin" : "ArgMax", {x}, {{"axis", int64_t{1}}, {"select_last_index", int64_t{p.last}}})[0];
    for (const Isa isa : usable_isas()) {
      const ArgReduce kernel(p, isa);
      std::vector<int64_t> out(static_cast<size_t>(expected.size()), -1);
      run_parts(kernel, pick(rng, 1, 3), ArgReducePointers{x.data<float>(), out.data()});
      const auto right = expected.elements<int64_t>();
      EXPECT_EQ(out, std::vector<int64_t>(right.begin(), right.end())) << kernel.name() << " case " << i;
    }
  }
}

TEST(TopK, EqualsTheReference) {
  Philox rng(103);
  for (int i = 0; i < 300; ++i) {
    TopKProblem p;
    p.largest = i % 2 == 0;
    p.outer = pick(rng, 1, 4), p.n = pick(rng, 1, i % 3 == 0 ? 1000 : 30);
    if (i % 3 != 0) p.inner = pick(rng, 1, 10);
    p.k = pick(rng, 0, pick(rng, 0, 2) == 0 ? p.n : std::min<int64_t>(p.n, 10));
    const Tensor x =
        i % 5 == 0 ? random_tensor(rng, {p.outer, p.n, p.inner}) : numbers_with_ties(rng, {p.outer, p.n, p.inner});
    const std::vector<Tensor> expected = run_node("TopK", {x, Tensor::vector<int64_t>({p.k})},
                                                  {{"axis", int64_t{1}}, {"largest", int64_t{p.largest}}}, 2);
    for (const Isa isa : usable_isas()) {
      const TopK kernel(p, isa);
      std::vector<float> values = rubbish(expected[0].size() + 1);
      std::vector<int64_t> indices(static_cast<size_t>(expected[0].size()), -1);
      run_parts(kernel, pick(rng, 1, 3), TopKPointers{x.data<float>(), values.data(), indices.data()});
      const auto right = expected[1].elements<int64_t>();
      EXPECT_EQ(indices, std::vector<int64_t>(right.begin(), right.end())) << kernel.name() << " case " << i;
      EXPECT_EQ(worst_difference(values.data(), expected[0]), 0);
      EXPECT_EQ(values.back(), 1e9f);
    }
  }
}

TEST(CumSum, EqualsTheReference) {
  Philox rng(104);
  for (int i = 0; i < 100; ++i) {
    CumSumProblem p;
    p.outer = pick(rng, 1, 4), p.n = pick(rng, 1, 30), p.inner = i % 3 == 0 ? 1 : pick(rng, 1, 150);
    p.exclusive = pick(rng, 0, 1) == 0, p.reverse = pick(rng, 0, 1) == 0;
    const Tensor x = random_tensor(rng, {p.outer, p.n, p.inner});
    const Tensor expected = run_node("CumSum", {x, Tensor::scalar<int64_t>(1)},
                                     {{"exclusive", int64_t{p.exclusive}}, {"reverse", int64_t{p.reverse}}})[0];
    std::vector<float> out = rubbish(x.size() + 1);
    run_parts(CumSum(p), pick(rng, 1, 3), CumSumPointers{x.data<float>(), out.data()});
    EXPECT_EQ(worst_difference(out.data(), expected), 0) << "case " << i;
    EXPECT_EQ(out.back(), 1e9f);
  }
}

}  // namespace
}  // namespace kiln::kernel_test
