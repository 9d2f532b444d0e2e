#include "builder/difference.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <limits>

namespace kiln {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();

Tensor floats(const std::vector<float>& values) { return Tensor::vector(values); }

TEST(Difference, OfNumbers) {
  const Difference off = difference(floats({1, -4, 0, 2}), floats({1, -5, 0.5f, 2}), {.of_largest = 0.2});
  EXPECT_EQ(off.elements, 4);
  EXPECT_EQ(off.differing, 2);
  EXPECT_EQ(off.over, 1) << "0.8 is allowed";
  EXPECT_DOUBLE_EQ(off.max_absolute, 1);
  EXPECT_DOUBLE_EQ(off.mean_absolute, 1.5 / 4);
  EXPECT_DOUBLE_EQ(off.max_relative, 0.25);
  EXPECT_DOUBLE_EQ(off.mean_relative, 0.25 / 3) << "what should be 0 has no relative error";
  EXPECT_DOUBLE_EQ(off.largest, 4);
  EXPECT_DOUBLE_EQ(off.of_largest(), 0.25);
}

TEST(Difference, TolerancesAddUp) {
  const Tensor a = floats({10, 1}), b = floats({10.5f, 1.125f});
  EXPECT_FALSE(difference(a, b, {}).within());
  EXPECT_TRUE(difference(a, b, {.of_largest = 0.05}).within());
  EXPECT_EQ(difference(a, b, {.relative = 0.05}).over, 1);
  EXPECT_TRUE(difference(a, b, {.relative = 0.04, .absolute = 0.1}).within());
}

TEST(Difference, OfWhatIsNoNumber) {
  const Difference same = difference(floats({nan, inf, -inf}), floats({nan, inf, -inf}), {});
  EXPECT_TRUE(same.within());
  EXPECT_EQ(same.differing, 0);
  for (const float other : {0.0f, -inf, nan}) {
    const Difference off = difference(floats({1, inf}), floats({1, other}), {.of_largest = 1});
    EXPECT_FALSE(off.within());
    EXPECT_EQ(off.max_absolute, std::numeric_limits<double>::infinity());
  }
  EXPECT_FALSE(difference(floats({1}), floats({nan}), {.of_largest = 1}).within());
}

TEST(Difference, OfAllTypes) {
  const int64_t large = (int64_t{1} << 60) + 1;
  const Difference whole =
      difference(Tensor::vector<int64_t>({large, 7}), Tensor::vector<int64_t>({large - 1, 7}), {.of_largest = 1});
  EXPECT_EQ(whole.over, 1) << "integers have no tolerance, also where a double cannot tell them apart";
  const Difference text =
      difference(Tensor::vector<std::string>({"a", "b"}), Tensor::vector<std::string>({"a", "c"}), {.of_largest = 1});
  EXPECT_EQ(text.over, 1);
  using Complex = std::complex<float>;
  const Difference pair = difference(Tensor::vector<Complex>({{3, 4}}), Tensor::vector<Complex>({{3, 5}}), {});
  EXPECT_DOUBLE_EQ(pair.max_absolute, 1);
  EXPECT_FALSE(difference(Tensor::scalar(true), Tensor::scalar(false), {.of_largest = 1}).within());
  EXPECT_TRUE(difference(Tensor(DType::f32, {0}), Tensor(DType::f32, {0}), {}).within());
}

TEST(Difference, OfOtherKinds) {
  EXPECT_EQ(difference(floats({1, 2}), floats({1}), {}).mismatch, "f32[1] instead of f32[2]");
  EXPECT_EQ(difference(floats({1}), Value(), {}).mismatch, "none instead of f32[1]");
  EXPECT_TRUE(difference(Value(), Value(), {}).within());
  Sequence one, two;
  one.items = {floats({1}), floats({2, 3})};
  two.items = {floats({1}), floats({2, 4})};
  const Difference off = difference(one, two, {});
  EXPECT_EQ(off.elements, 3);
  EXPECT_EQ(off.over, 1);
  two.items.pop_back();
  EXPECT_FALSE(difference(one, two, {}).mismatch.empty());
  const Map map{Tensor::vector<int64_t>({1, 2}), floats({1, 2})},
      other{Tensor::vector<int64_t>({1, 2}), floats({1, 3})};
  EXPECT_EQ(difference(map, other, {}).over, 1);
}

TEST(Difference, OfLongTensors) {
  std::vector<float> a(10000, 1.0f), b = a;
  b[9999] = 3;
  const Difference off = difference(floats(a), floats(b), {});
  EXPECT_EQ(off.differing, 1);
  EXPECT_DOUBLE_EQ(off.max_absolute, 2);
  EXPECT_DOUBLE_EQ(off.mean_absolute, 2.0 / 10000);
}

}  // namespace
}  // namespace kiln
