#include "passes/model_builder.hpp"

namespace kiln {
namespace {

using passes::int_value;
using passes::ints_value;

Attribute text(std::string name, std::string value) {
  return {.name = std::move(name), .type = AttributeType::string, .data = std::move(value), .ref_name = {}, .doc = {}};
}

const SymShape small{Dim(2), Dim(6), Dim::symbol("h"), Dim(5)};
const std::vector<float> doubled{1, 1, 2, 2};

/// "large" is "x" with its pixels repeated, "smooth" the same size without.
ModelBuilder upsampled(std::vector<Attribute> attributes = {}, std::vector<float> factors = doubled) {
  ModelBuilder b;
  b.input("x", small);
  b.constant("factors", Tensor::vector(factors));
  b.add("Resize", {"x", "", "factors"}, {"large"}, std::move(attributes));
  b.add("Resize", {"x", "", "factors"}, {"smooth"}, {text("mode", "linear")});
  return b;
}

Node& add_conv(ModelBuilder& b, const std::string& input, const std::string& output, Shape weights) {
  b.constant(output + "_w", ramp(weights));
  b.constant(output + "_b", ramp({weights[0]}, 0.5f, 1));
  return b.add("Conv", {input, output + "_w", output + "_b"}, {output});
}

Names after(const ModelBuilder& b) { return operators_after(b, ramp({2, 6, 3, 5}), 1e-4f); }

const Names one_conv{"Conv", "Resize"};

TEST(SinkResizes, BehindPointwiseConvsAndWhatFollows) {
  for (const char* transform : {"asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"}) {
    for (const char* rounding : {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}) {
      ModelBuilder b =
          upsampled({text("coordinate_transformation_mode", transform), text("nearest_mode", rounding)}, {1, 1, 3, 2});
      add_conv(b, "large", "c", {4, 6, 1, 1});
      b.add("Relu", {"c"}, {"r"});
      add_conv(b, "r", "y", {3, 4, 1, 1});
      b.output("y");
      EXPECT_EQ(after(b), (Names{"Conv", "Relu", "Conv", "Resize"})) << transform << ", " << rounding;
    }
  }
}

TEST(SinkResizes, OnlyThoseThatRepeatPixels) {
  const auto found = [](std::vector<Attribute> attributes, std::vector<float> factors) {
    ModelBuilder b = upsampled(std::move(attributes), std::move(factors));
    add_conv(b, "large", "y", {2, 6, 1, 1});
    b.output("y");
    return after(b);
  };
  EXPECT_EQ(found({}, doubled), one_conv);
  const Names kept{"Resize", "Conv"};
  EXPECT_EQ(found({text("mode", "linear")}, doubled), kept);
  EXPECT_EQ(found({}, {1, 1, 1.5f, 2}), kept);
  EXPECT_EQ(found({}, {1, 1, 0.5f, 2}), kept);
  EXPECT_EQ(found({}, {2, 1, 2, 2}), kept);
  EXPECT_EQ(found({ints_value("axes", {0, 1, 3, 2})}, doubled), kept);
}

TEST(SinkResizes, InOldModels) {
  for (const int64_t opset : {10, 11}) {
    ModelBuilder b(opset);
    b.input("x", small);
    b.constant("factors", Tensor::vector(doubled));
    b.constant("region", Tensor(DType::f32, {0}));
    b.add("Resize", opset == 10 ? Names{"x", "factors"} : Names{"x", "region", "factors"}, {"large"});
    add_conv(b, "large", "y", {2, 6, 1, 1});
    b.output("y");
    EXPECT_EQ(operators_after(b, ramp({2, 6, 3, 5}), 1e-4f, {.skip = {"raise_opset"}}), one_conv);
  }
}

TEST(SinkResizes, ARegionStays) {
  ModelBuilder b;
  b.input("x", small);
  b.constant("factors", Tensor::vector(doubled));
  b.constant("region", Tensor::vector<float>({0, 0, -0.5f, 0, 1, 1, 1, 1.5f}));
  b.add("Resize", {"x", "region", "factors"}, {"large"},
        {text("coordinate_transformation_mode", "tf_crop_and_resize"), passes::float_value("extrapolation_value", 7)});
  add_conv(b, "large", "y", {2, 6, 1, 1});
  b.output("y");
  EXPECT_EQ(after(b), (Names{"Resize", "Conv"}));
}

TEST(SinkResizes, OnlyBehindConvsThatArePointwiseAndMakeNoMore) {
  const auto found = [](Shape weights, std::vector<Attribute> attributes) {
    ModelBuilder b = upsampled();
    add_conv(b, "large", "y", std::move(weights)).attributes = std::move(attributes);
    b.output("y");
    return after(b);
  };
  const Names kept{"Resize", "Conv"};
  EXPECT_EQ(found({6, 6, 1, 1}, {}), one_conv);
  EXPECT_EQ(found({7, 6, 1, 1}, {}), kept);
  EXPECT_EQ(found({6, 6, 1, 2}, {}), kept);
  EXPECT_EQ(found({6, 6, 1, 1}, {ints_value("strides", {2, 2})}), kept);
  EXPECT_EQ(found({6, 6, 1, 1}, {ints_value("pads", {1, 0, 0, 0})}), kept);
  EXPECT_EQ(found({6, 2, 1, 1}, {int_value("group", 3)}), kept);
}

TEST(SinkResizes, OnlyWhereNothingElseReadsThem) {
  for (const bool is_output : {true, false}) {
    ModelBuilder b = upsampled();
    add_conv(b, "large", "y", {2, 6, 1, 1});
    b.output("y");
    if (!is_output) b.add("Mul", {"large", "large"}, {"z"});
    b.output(is_output ? "large" : "z");
    EXPECT_EQ(after(b), is_output ? (Names{"Resize", "Conv"}) : (Names{"Resize", "Conv", "Mul"}));
  }
}

/// Pointwise Convs of a Concat of `parts`, which make `made` channels.
void add_joint(ModelBuilder& b, const Names& parts, const std::vector<int64_t>& made) {
  b.add("Concat", parts, {"all"}, {int_value("axis", -3)});
  for (size_t i = 0; i < made.size(); ++i) {
    const std::string name = "y" + std::to_string(i);
    add_conv(b, "all", name, {made[i], 6 * static_cast<int64_t>(parts.size()), 1, 1});
    b.output(name);
  }
}

TEST(SinkResizes, OutOfAConcat) {
  const auto found = [](const Names& parts, const std::vector<int64_t>& made) {
    ModelBuilder b = upsampled();
    b.add("Tanh", {"smooth"}, {"tanh"});
    add_joint(b, parts, made);
    return after(b);
  };
  const Names one{"Resize", "Conv", "Resize", "Conv", "Add"};
  EXPECT_EQ(found({"large", "smooth"}, {6}), one);
  EXPECT_EQ(found({"smooth", "large"}, {6}), one);
  EXPECT_EQ(found({"smooth", "large"}, {2, 4}),
            (Names{"Resize", "Conv", "Resize", "Conv", "Add", "Conv", "Resize", "Conv", "Add"}));
  EXPECT_EQ(found({"smooth", "large", "tanh"}, {3, 2}),
            (Names{"Resize", "Tanh", "Conv", "Resize", "Concat", "Conv", "Add", "Conv", "Resize", "Conv", "Add"}));
  EXPECT_EQ(found({"smooth", "large"}, {3, 4}), (Names{"Resize", "Resize", "Concat", "Conv", "Conv"}));
}

TEST(SinkResizes, StayInAConcatThatOthersReadToo) {
  ModelBuilder b = upsampled();
  add_joint(b, {"large", "smooth"}, {2});
  b.add("Mul", {"all", "all"}, {"z"});
  b.output("z");
  EXPECT_EQ(after(b), (Names{"Resize", "Resize", "Concat", "Conv", "Mul"}));
}

TEST(SinkResizes, OneOfSeveralStays) {
  ModelBuilder b = upsampled();
  b.add("Mul", {"x", "x"}, {"squares"});
  b.add("Resize", {"squares", "", "factors"}, {"large_squares"});
  add_joint(b, {"large", "smooth", "large_squares"}, {2});
  EXPECT_EQ(after(b), (Names{"Resize", "Resize", "Mul", "Resize", "Concat", "Conv"}));
}

TEST(SinkResizes, StayBesidePartsThatMayNotFit) {
  ModelBuilder b = upsampled();
  b.scalar("hundred", 100);
  b.ints("one", {1});
  b.ints("zero", {0});
  b.ints("three", {3});
  b.add("ReduceMax", {"x"}, {"most"});
  b.add("Reshape", {"most", "one"}, {"list"});
  b.add("Add", {"list", "hundred"}, {"more"});
  b.add("Cast", {"more"}, {"end"}, {int_value("to", 7)});
  b.add("Slice", {"smooth", "zero", "end", "three"}, {"part"});
  add_joint(b, {"large", "part"}, {2});
  const Names found = after(b);
  EXPECT_EQ((Names{found.end() - 2, found.end()}), (Names{"Concat", "Conv"}));
}

}  // namespace
}  // namespace kiln
