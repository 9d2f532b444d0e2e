#include <fmt/format.h>

#include "base/rng.hpp"
#include "passes/model_builder.hpp"

namespace kiln {
namespace {

/// Conv of x with these attributes before and after all passes: the kernel that is left.
Shape kernel_after(const Shape& x, const Shape& weights, std::vector<Attribute> attributes, float idle_weight = 1) {
  ModelBuilder b;
  b.input("x", SymShape(x.begin(), x.end()));
  Tensor w = ramp(weights);
  w.mutable_data<float>()[0] = idle_weight;
  b.constant("w", w);
  b.add("Conv", {"x", "w"}, {"y"}, std::move(attributes));
  b.output("y");
  ModelDef after = b.model;
  optimize(after);
  if (std::isfinite(idle_weight)) expect_same_answers(b.model, after, ramp(x, 2), 1e-5f);
  EXPECT_EQ(after.graph.nodes.size(), 1u);
  EXPECT_EQ(after.graph.initializers.size(), 1u);
  const Shape& left = after.graph.initializers[0].tensor.shape();
  EXPECT_EQ(left[0], weights[0]);
  EXPECT_EQ(left[1], weights[1]);
  return {left.begin() + 2, left.end()};
}

std::vector<Attribute> window(int64_t dilation, std::vector<int64_t> pads) {
  const auto axes = static_cast<int64_t>(pads.size() / 2);
  return {passes::ints_value("dilations", std::vector<int64_t>(static_cast<size_t>(axes), dilation)),
          passes::ints_value("pads", std::move(pads))};
}

TEST(CutKernels, LeavesTheMiddleOfLargeDilations) {
  const Shape x{1, 2, 10, 10}, w{3, 2, 3, 3};
  EXPECT_EQ(kernel_after(x, w, window(6, {6, 6, 6, 6})), (Shape{3, 3}));
  EXPECT_EQ(kernel_after(x, w, window(9, {9, 9, 9, 9})), (Shape{3, 3}));
  EXPECT_EQ(kernel_after(x, w, window(10, {10, 10, 10, 10})), (Shape{1, 1}));
  EXPECT_EQ(kernel_after({1, 2, 10, 20}, w, window(18, {18, 18, 18, 18})), (Shape{1, 3}));
  EXPECT_EQ(kernel_after({1, 2, 7}, {3, 2, 5}, window(4, {8, 8})), (Shape{3}));
  EXPECT_EQ(kernel_after({1, 2, 4, 9, 4}, {2, 2, 3, 3, 3}, window(5, {5, 5, 5, 5, 5, 5})), (Shape{1, 3, 1}));
}

TEST(CutKernels, KeepsPadsThatAreLessThanTheTapTakes) {
  // The first tap meets nothing but padding, of which there is less than a step to the second one.
  EXPECT_EQ(kernel_after({1, 2, 20}, {3, 2, 3}, window(24, {10, 23})), (Shape{3}));
  EXPECT_EQ(kernel_after({1, 2, 20}, {3, 2, 3}, window(24, {10, 24})), (Shape{2}));
}

TEST(CutKernels, LeavesPlainKernelsAndUnknownExtents) {
  EXPECT_EQ(kernel_after({1, 2, 6, 6}, {3, 2, 3, 3}, window(1, {1, 1, 1, 1})), (Shape{3, 3}));
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(2), Dim::symbol("h"), Dim::symbol("w")});
  b.constant("w", ramp({3, 2, 3, 3}));
  b.add("Conv", {"x", "w"}, {"y"}, window(10, {10, 10, 10, 10}));
  b.output("y");
  optimize(b.model);
  EXPECT_EQ(b.model.graph.initializers[0].tensor.shape(), (Shape{3, 2, 3, 3}));
}

TEST(CutKernels, LeavesWeightsThatAreNotNumbers) {
  const Shape x{1, 2, 10, 10}, w{3, 2, 3, 3};
  EXPECT_EQ(kernel_after(x, w, window(10, {10, 10, 10, 10}), INFINITY), (Shape{3, 3}));
  EXPECT_EQ(kernel_after(x, w, window(10, {10, 10, 10, 10}), NAN), (Shape{3, 3}));
}

TEST(CutKernels, RandomWindowsGiveTheSame) {
  Philox rng(5);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
  };
  int64_t cut = 0;
  for (int round = 0; round < 200; ++round) {
    const auto axes = static_cast<size_t>(pick(1, 3));
    const int64_t group = pick(1, 2);
    Shape x{pick(1, 2), 2 * group}, w{2 * group, 2};
    std::vector<int64_t> strides, dilations, begins, ends;
    for (size_t axis = 0; axis < axes; ++axis) {
      x.push_back(pick(1, 8));
      w.push_back(pick(1, 4));
      strides.push_back(pick(1, 3));
      dilations.push_back(pick(1, 9));
      const int64_t reach = (w.back() - 1) * dilations.back() + 1;
      begins.push_back(pick(0, reach));
      ends.push_back(std::max<int64_t>(0, reach - begins.back() - x.back() + pick(0, 6)));
    }
    std::vector<Attribute> attributes{passes::ints_value("strides", strides),
                                      passes::ints_value("dilations", dilations), passes::int_value("group", group)};
    if (const int64_t mode = pick(0, 3); mode < 2) {
      attributes.push_back({.name = "auto_pad",
                            .type = AttributeType::string,
                            .data = std::string(mode == 0 ? "SAME_UPPER" : "SAME_LOWER"),
                            .ref_name = {},
                            .doc = {}});
    } else {
      begins.insert(begins.end(), ends.begin(), ends.end());
      attributes.push_back(passes::ints_value("pads", begins));
    }
    SCOPED_TRACE(fmt::format("round {}", round));
    const Shape left = kernel_after(x, w, std::move(attributes));
    cut += left != Shape(w.begin() + 2, w.end()) ? 1 : 0;
  }
  EXPECT_GT(cut, 50);
}

}  // namespace
}  // namespace kiln
