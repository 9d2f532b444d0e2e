#include "passes/model_builder.hpp"

namespace kiln {
namespace {

TEST(FoldScales, EachArithmeticIntoTheConvBeforeIt) {
  const std::vector<std::pair<std::string, bool>> cases = {{"Mul", true}, {"Mul", false}, {"Add", true}, {"Add", false},
                                                           {"Sub", true}, {"Sub", false}, {"Div", true}};
  for (const auto& [op, data_first] : cases) {
    for (const Shape& shape : {Shape{5, 1, 1}, Shape{1, 5, 1, 1}, Shape{}, Shape{1}}) {
      ModelBuilder b;
      b.input("x", {Dim(2), Dim(3), Dim::symbol("h"), Dim(4)});
      b.constant("w", ramp({5, 3, 3, 3}, 0.5f, 0.1f));
      b.constant("c", ramp(shape, 0.5f, 1.5f));
      b.add("Conv", {"x", "w"}, {"z"}, {passes::ints_value("pads", {1, 1, 1, 1})});
      b.add(op, data_first ? Names{"z", "c"} : Names{"c", "z"}, {"y"});
      b.output("y");
      EXPECT_EQ(operators_after(b, ramp({2, 3, 5, 4}), 2e-5f), Names{"Conv"}) << op;
    }
  }
}

TEST(FoldScales, LeavesWhatVariesInSpaceOrDividesByTheData) {
  for (const std::string op : {"Mul", "Div"}) {
    ModelBuilder b;
    b.input("x", {Dim(1), Dim(3), Dim(4), Dim(4)});
    b.constant("w", ramp({4, 3, 1, 1}, 0.5f, 1.1f));
    b.constant("c", op == "Mul" ? ramp({4}, 1, 2) : ramp({4, 1, 1}, 1, 2));
    b.add("Conv", {"x", "w"}, {"z"});
    b.add(op, {"c", "z"}, {"y"});
    b.output("y");
    EXPECT_EQ(operators_after(b, ramp({1, 3, 4, 4}, 0.1f, 1), 0), (Names{"Conv", op}));
  }
}

TEST(FoldScales, TheNormalisationOfAnImageIntoTheFirstConv) {
  ModelBuilder b;
  b.input("x", {Dim(1), Dim(3), Dim(8), Dim(8)});
  b.constant("w", ramp({4, 3, 3, 3}, 0.5f));
  b.constant("mean", ramp({1, 3, 1, 1}, 0.1f, 0.4f));
  b.constant("deviation", ramp({3, 1, 1}, 0.1f, 0.3f));
  b.add("Sub", {"x", "mean"}, {"a"});
  b.add("Div", {"a", "deviation"}, {"b"});
  b.add("Conv", {"b", "w"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({1, 3, 8, 8}), 5e-5f), Names{"Conv"});
}

TEST(FoldScales, NotWhereTheConstantWidensTheDataOrTheConvPads) {
  ModelBuilder wide;
  wide.input("x", {Dim(1), Dim(1), Dim(4), Dim(4)});
  wide.constant("w", ramp({2, 3, 1, 1}));
  wide.constant("c", ramp({1, 3, 1, 1}, 1, 2));
  wide.add("Mul", {"x", "c"}, {"a"});
  wide.add("Conv", {"a", "w"}, {"y"});
  wide.output("y");
  EXPECT_EQ(operators_after(wide, ramp({1, 1, 4, 4})), (Names{"Mul", "Conv"}));
  ModelBuilder padded;
  padded.input("x", {Dim(1), Dim(3), Dim(4), Dim(4)});
  padded.constant("w", ramp({2, 3, 3, 3}));
  padded.constant("c", ramp({1, 3, 1, 1}, 1, 2));
  padded.add("Add", {"x", "c"}, {"a"});
  padded.add("Mul", {"a", "c"}, {"b"});
  padded.add("Conv", {"b", "w"}, {"y"}, {passes::ints_value("pads", {1, 1, 1, 1})});
  padded.output("y");
  EXPECT_EQ(operators_after(padded, ramp({1, 3, 4, 4}), 1e-5f), (Names{"Add", "Conv"}));
}

TEST(FoldScales, FactorsButNotOffsetsIntoMatMulOfManyAxes) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim::symbol("n"), Dim(4)});
  b.constant("w", ramp({4, 3}));
  b.constant("before", ramp({4}, 1, 2));
  b.constant("after", ramp({3}, 1, 2));
  b.add("Mul", {"x", "before"}, {"a"});
  b.add("MatMul", {"a", "w"}, {"c"});
  b.add("Div", {"c", "after"}, {"d"});
  b.add("Add", {"d", "after"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4}), 1e-5f), (Names{"MatMul", "Add"}));
}

TEST(FoldScales, NotIntoWeightsThatACallerMayReplace) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(4)});
  b.input("w", {Dim(4), Dim(3)});
  b.constant("w", ramp({4, 3}));
  b.scalar("c", 2);
  b.add("MatMul", {"x", "w"}, {"z"});
  b.add("Mul", {"z", "c"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 4})), (Names{"MatMul", "Mul"}));
}

TEST(FoldScales, NotWhereAWeightWouldOverflow) {
  ModelBuilder b;
  b.input("x", {Dim(2), Dim(2)});
  b.constant("w", ramp({2, 2}, 0, 1e30f));
  b.scalar("c", 1e30f);
  b.add("MatMul", {"x", "w"}, {"z"});
  b.add("Mul", {"z", "c"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 2}, 0, 1e-30f), 1e25f), (Names{"MatMul", "Mul"}));
}

}  // namespace
}  // namespace kiln
