#include "passes/model_builder.hpp"

namespace kiln {
namespace {

TEST(MatMulToGemm, OfMatricesWithAVector) {
  ModelBuilder b;
  b.input("x", {Dim::symbol("n"), Dim(4)});
  b.constant("w", ramp({4, 3}));
  b.constant("b", ramp({3}));
  b.add("MatMul", {"x", "w"}, {"a"});
  b.add("Add", {"b", "a"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({5, 4}), 1e-6f), Names{"Gemm"});
}

TEST(MatMulToGemm, NotWithMoreAxesOrABiasThatWidens) {
  ModelBuilder deep;
  deep.input("x", {Dim(2), Dim(5), Dim(4)});
  deep.constant("w", ramp({4, 3}));
  deep.constant("b", ramp({3}));
  deep.add("MatMul", {"x", "w"}, {"a"});
  deep.add("Add", {"a", "b"}, {"y"});
  deep.output("y");
  EXPECT_EQ(operators_after(deep, ramp({2, 5, 4})), (Names{"MatMul", "Add"}));
  ModelBuilder wide;
  wide.input("x", {Dim(5), Dim(4)});
  wide.constant("w", ramp({4, 1}));
  wide.constant("b", ramp({3}));
  wide.add("MatMul", {"x", "w"}, {"a"});
  wide.add("Add", {"a", "b"}, {"y"});
  wide.output("y");
  EXPECT_EQ(operators_after(wide, ramp({5, 4})), (Names{"MatMul", "Add"}));
}

TEST(FoldTransposes, IntoTheFlagsOfGemm) {
  ModelBuilder b;
  b.input("x", {Dim(4), Dim::symbol("n")});
  b.add("Transpose", {"x"}, {"t"});
  b.add("Relu", {"x"}, {"r"});
  b.add("Transpose", {"r"}, {"u"});
  b.add("Gemm", {"t", "u"}, {"y"}, {passes::int_value("transB", 1)});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({4, 3}), 1e-6f), (Names{"Relu", "Gemm"}));
}

TEST(FoldTransposes, NotOfTensorsWithMoreAxes) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(4), Dim(3)});
  b.add("Transpose", {"x"}, {"t"}, {passes::ints_value("perm", {0, 2, 1})});
  b.add("MatMul", {"x", "t"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 4, 3})), (Names{"Transpose", "MatMul"}));
}

}  // namespace
}  // namespace kiln
