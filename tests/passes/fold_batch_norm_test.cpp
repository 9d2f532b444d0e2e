#include "passes/model_builder.hpp"

namespace kiln {
namespace {

TEST(FoldBatchNorm, FoldBatchNormIntoConvWithAndWithoutBias) {
  for (const bool has_bias : {false, true}) {
    ModelBuilder b;
    b.input("x", {Dim(1), Dim(3), Dim::symbol("h"), Dim::symbol("w")});
    b.constant("w", ramp({5, 3, 3, 3}, 0.5f, 0.1f));
    b.constant("b", ramp({5}, 1, 0));
    for (const char* name : {"scale", "shift", "mean"}) b.constant(name, ramp({5}, 0.5f, 1));
    b.constant("variance", ramp({5}, 0.4f, 1));
    b.add("Conv", has_bias ? std::vector<std::string>{"x", "w", "b"} : std::vector<std::string>{"x", "w"}, {"c"});
    b.add("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"});
    b.output("y");
    ModelDef after = b.model;
    const OptimizeReport report = optimize(after);
    ASSERT_EQ(after.graph.nodes.size(), 1u);
    EXPECT_EQ(report.patches.back().pass, "fold_batch_norm");
    expect_same_answers(b.model, after, ramp({1, 3, 6, 7}, 1, 0.2f), 1e-5f);
  }
}

TEST(FoldBatchNorm, LeaveBatchNormAloneWhereTheConvIsReadTwice) {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(2), Dim(4)});
  b.constant("w", ramp({2, 2, 3}, 1, 0));
  for (const char* name : {"scale", "shift", "mean", "variance"}) b.constant(name, ramp({2}, 0.5f, 1));
  b.add("Conv", {"x", "w"}, {"c"});
  b.add("BatchNormalization", {"c", "scale", "shift", "mean", "variance"}, {"y"});
  b.add("Neg", {"c"}, {"z"});
  b.output("y");
  b.output("z");
  ModelDef after = b.model;
  optimize(after);
  EXPECT_EQ(after.graph.nodes.size(), 3u);
  expect_same_answers(b.model, after, ramp({1, 2, 4}, 1, 0), 0);
}

void add_norm(ModelBuilder& b, int64_t channels, const std::string& from, const std::string& to) {
  for (const char* name : {"scale", "shift", "mean"}) b.constant(name, ramp({channels}, 0.5f, 1));
  b.constant("variance", ramp({channels}, 0.4f, 1));
  b.add("BatchNormalization", {from, "scale", "shift", "mean", "variance"}, {to});
}

TEST(FoldBatchNorm, IntoTheConvBehindItUnlessThatPads) {
  for (const bool pads : {false, true}) {
    ModelBuilder b;
    b.input("x", {Dim(1), Dim(4), Dim(6), Dim(5)});
    b.constant("w", ramp({6, 2, 3, 3}, 0.5f, 0.1f));
    add_norm(b, 4, "x", "n");
    Node& conv = b.add("Conv", {"n", "w"}, {"y"}, {passes::int_value("group", 2)});
    if (pads) conv.attributes.push_back(passes::ints_value("pads", {1, 1, 1, 1}));
    b.output("y");
    const Names want = pads ? Names{"BatchNormalization", "Conv"} : Names{"Conv"};
    EXPECT_EQ(operators_after(b, ramp({1, 4, 6, 5}), 2e-5f), want);
  }
}

TEST(FoldBatchNorm, IntoGroupedConvTranspose) {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(4), Dim(5), Dim(3)});
  b.constant("w", ramp({4, 3, 2, 2}, 0.5f, 0.1f));
  b.add("ConvTranspose", {"x", "w"}, {"c"}, {passes::int_value("group", 2), passes::ints_value("strides", {2, 2})});
  add_norm(b, 6, "c", "y");
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({1, 4, 5, 3}), 1e-5f), Names{"ConvTranspose"});
}

TEST(FoldBatchNorm, IntoGemmAndMatMulOfMatrices) {
  for (const bool is_gemm : {true, false}) {
    ModelBuilder b;
    b.input("x", {Dim::symbol("n"), Dim(4)});
    b.constant("w", is_gemm ? ramp({3, 4}, 0.5f, 0.1f) : ramp({4, 3}, 0.5f, 0.1f));
    b.constant("b", ramp({1, 3}));
    if (is_gemm) {
      b.add("Gemm", {"x", "w", "b"}, {"c"},
            {passes::int_value("transB", 1), passes::float_value("alpha", 0.5f), passes::float_value("beta", 2)});
    } else {
      b.add("MatMul", {"x", "w"}, {"c"});
    }
    add_norm(b, 3, "c", "y");
    b.output("y");
    EXPECT_EQ(operators_after(b, ramp({2, 4}), 1e-5f), Names{"Gemm"});
  }
}

TEST(FoldBatchNorm, LeavesOneThatStandsAloneOrTrains) {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(3), Dim(4)});
  add_norm(b, 3, "x", "y");
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({1, 3, 4})), Names{"BatchNormalization"});
}

}  // namespace
}  // namespace kiln
