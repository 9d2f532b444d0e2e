#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/broadcast.hpp"

namespace kiln::ops {
namespace {

/// An output shape, and an input that broadcasts to it: some leading axes missing, some others 1.
struct Pair {
  Shape output, input;
};

Pair make_pair() {
  Pair pair;
  pair.output = *rc::gen::resize(5, rc::gen::container<Shape>(rc::gen::inRange<int64_t>(0, 5)));
  const auto missing = *rc::gen::inRange<size_t>(0, pair.output.size() + 1);
  for (size_t i = missing; i < pair.output.size(); ++i) {
    pair.input.push_back(*rc::gen::arbitrary<bool>() ? 1 : pair.output[i]);
  }
  return pair;
}

/// The element of `shape` that output element `index` reads, by the definition.
int64_t source_of(const Shape& output, const Shape& shape, int64_t index) {
  const std::vector<int64_t> strides = row_major_strides(shape);
  int64_t offset = 0;
  for (size_t i = output.size(); i-- > 0;) {
    const int64_t at = index % output[i];
    index /= output[i];
    const size_t missing = output.size() - shape.size();
    if (i >= missing && shape[i - missing] != 1) offset += at * strides[i - missing];
  }
  return offset;
}

RC_GTEST_PROP(Broadcast, ShapesAgreeWhicheverComesFirst, ()) {
  const Pair pair = make_pair();
  RC_ASSERT(broadcast_shapes(pair.output, pair.input) == pair.output);
  RC_ASSERT(broadcast_shapes(pair.input, pair.output) == pair.output);
}

RC_GTEST_PROP(Broadcast, SymbolsSayWhatNumbersSay, ()) {
  const Pair pair = make_pair();
  const SymShape a(pair.output.begin(), pair.output.end()), b(pair.input.begin(), pair.input.end());
  RC_ASSERT(broadcast_shapes(a, b) == a);
}

RC_GTEST_PROP(Broadcast, EveryRangeOfTheWalkReadsTheRightElements, ()) {
  const Pair first = make_pair();
  Pair second = first;
  for (int64_t& dim : second.input) dim = *rc::gen::arbitrary<bool>() ? 1 : dim;
  const BroadcastPlan plan(first.output, {first.input, second.input});
  RC_ASSERT(plan.size() == element_count(first.output));
  const int64_t begin = *rc::gen::inRange<int64_t>(0, plan.size() + 1);
  const int64_t end = *rc::gen::inRange<int64_t>(begin, plan.size() + 1);
  int64_t next = begin;
  plan.for_rows(begin, end, [&](int64_t at, const int64_t* offsets, int64_t count, const int64_t* steps) {
    RC_ASSERT(at == next);
    for (int64_t i = 0; i < count; ++i) {
      RC_ASSERT(offsets[0] + i * steps[0] == source_of(first.output, first.input, at + i));
      RC_ASSERT(offsets[1] + i * steps[1] == source_of(first.output, second.input, at + i));
    }
    next += count;
  });
  RC_ASSERT(next == end);
}

RC_GTEST_PROP(Broadcast, ShapesThatDoNotFitAreRefused, ()) {
  const auto a = *rc::gen::inRange<int64_t>(2, 100);
  const auto b = *rc::gen::suchThat(rc::gen::inRange<int64_t>(2, 100), [&](int64_t other) { return other != a; });
  RC_ASSERT_THROWS_AS(broadcast_shapes(Shape{a}, Shape{b}), Error);
}

TEST(BroadcastShapes, ASymbolAndWhatItIsCutDownToAreTheSymbol) {
  const Dim n = Dim::symbol("n");
  for (const Dim& cut : {min(n, Dim(512)), n}) {
    EXPECT_EQ(broadcast_shapes(SymShape{n}, SymShape{cut}), SymShape{n});
    EXPECT_EQ(broadcast_shapes(SymShape{cut}, SymShape{n}), SymShape{n});
  }
  for (const Dim& other : {Dim::symbol("m"), floor_div(n, Dim(2)), n - Dim(1)}) {
    EXPECT_TRUE(broadcast_shapes(SymShape{n}, SymShape{other})[0].is_unknown());
  }
}

}  // namespace
}  // namespace kiln::ops
