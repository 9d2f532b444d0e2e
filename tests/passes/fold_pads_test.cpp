#include "passes/model_builder.hpp"

namespace kiln {
namespace {

Names after_pad(const std::string& op, std::vector<Attribute> attributes, float value = 0, bool relu = false,
                const std::vector<int64_t>& pads = {0, 0, 1, 1, 0, 0, 0, 1}) {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(2), Dim(6), Dim::symbol("w")});
  b.ints("pads", pads);
  b.scalar("value", value);
  b.constant("weights", ramp({3, 2, 3, 3}, 0.5f, 0.1f));
  if (relu) b.add("Relu", {"x"}, {"r"});
  b.add("Pad", {relu ? "r" : "x", "pads", "value"}, {"a"});
  if (op != "Conv") attributes.push_back(passes::ints_value("kernel_shape", {3, 3}));
  b.add(op, op == "Conv" ? Names{"a", "weights"} : Names{"a"}, {"y"}, std::move(attributes));
  b.output("y");
  return operators_after(b, ramp({1, 2, 6, 7}, 2), 1e-6f);
}

TEST(FoldPads, ZerosIntoConv) {
  EXPECT_EQ(after_pad("Conv", {}), Names{"Conv"});
  EXPECT_EQ(after_pad("Conv", {passes::ints_value("pads", {1, 0, 2, 1})}), Names{"Conv"});
  EXPECT_EQ(after_pad("Conv", {}, 1), (Names{"Pad", "Conv"}));
  EXPECT_EQ(after_pad("Conv", {}, 0, false, {0, 0, -1, 1, 0, 0, 0, 1}), (Names{"Pad", "Conv"}));
  EXPECT_EQ(after_pad("Conv", {}, 0, false, {0, 0, 0, 1, 1, 0, 0, 1}), (Names{"Pad", "Conv"}));
}

TEST(FoldPads, IntoMaxPoolOnlyWhereThePaddingNeverWins) {
  EXPECT_EQ(after_pad("MaxPool", {}), (Names{"Pad", "MaxPool"}));
  EXPECT_EQ(after_pad("MaxPool", {}, -INFINITY), Names{"MaxPool"});
  EXPECT_EQ(after_pad("MaxPool", {}, 0, true), (Names{"Relu", "MaxPool"}));
  EXPECT_EQ(after_pad("MaxPool", {passes::int_value("ceil_mode", 1)}, 0, true), (Names{"Relu", "Pad", "MaxPool"}));
  EXPECT_EQ(after_pad("MaxPool", {}, 0, true, {0, 0, 3, 1, 0, 0, 0, 1}), (Names{"Relu", "Pad", "MaxPool"}));
}

TEST(FoldPads, IntoAveragePoolThatCountsThePadding) {
  const Attribute own = passes::ints_value("pads", {1, 0, 1, 1}), counts = passes::int_value("count_include_pad", 1);
  EXPECT_EQ(after_pad("AveragePool", {}), Names{"AveragePool"});
  EXPECT_EQ(after_pad("AveragePool", {own, counts}), Names{"AveragePool"});
  EXPECT_EQ(after_pad("AveragePool", {own}), (Names{"Pad", "AveragePool"}));
}

}  // namespace
}  // namespace kiln
