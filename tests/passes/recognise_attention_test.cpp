#include "passes/model_builder.hpp"

namespace kiln {
namespace {

using passes::int_value;
using passes::ints_value;

enum class Mask { none, added, where, of_one_key };

/// Two heads of three from x [2, 5, 6], which is query, key and value at once.
ModelBuilder attention(Mask mask, bool scales_both, bool shows_weights = false) {
  ModelBuilder b(20);
  b.input("x", {Dim::symbol("b"), Dim(5), Dim(6)});
  b.ints("split", {0, 0, 2, 3});
  b.ints("joined", {0, 0, 6});
  b.scalar("scale", scales_both ? std::sqrt(0.5f) : 0.5f);
  for (const char* name : {"q", "k", "v"}) {
    const std::string n = name;
    b.constant("w" + n, ramp({6, 6}, 0.5f, 0.1f * static_cast<float>(n[0] - 'k')));
    b.add("MatMul", {"x", "w" + n}, {n + "3"});
    b.add("Reshape", {n + "3", "split"}, {n + "4"});
    b.add("Transpose", {n + "4"}, {n}, {ints_value("perm", {0, 2, 1, 3})});
  }
  b.add("Transpose", {"k"}, {"kt"}, {ints_value("perm", {0, 1, 3, 2})});
  if (scales_both) {
    b.add("Mul", {"q", "scale"}, {"qs"});
    b.add("Mul", {"scale", "kt"}, {"ks"});
    b.add("MatMul", {"qs", "ks"}, {"scores"});
  } else {
    b.add("MatMul", {"q", "kt"}, {"product"});
    b.add("Mul", {"product", "scale"}, {"scores"});
  }
  std::string seen = "masked";
  if (mask == Mask::added) {
    b.constant("mask", ramp({5, 5}));
    b.add("Add", {"mask", "scores"}, {seen});
  } else if (mask == Mask::where) {
    Tensor causal(DType::boolean, {1, 1, 5, 5});
    for (int64_t i = 0; i < 25; ++i) causal.mutable_data<bool>()[i] = i % 5 <= i / 5;
    b.constant("causal", causal);
    b.scalar("low", -3e38f);
    b.add("Where", {"causal", "scores", "low"}, {seen});
  } else if (mask == Mask::of_one_key) {
    b.constant("mask", ramp({5, 1}));
    b.add("Add", {"mask", "scores"}, {seen});
  } else {
    seen = "scores";
  }
  b.add("Softmax", {seen}, {"weights"});
  b.add("MatMul", {"weights", "v"}, {"y4"});
  b.add("Transpose", {"y4"}, {"y5"}, {ints_value("perm", {0, 2, 1, 3})});
  b.add("Reshape", {"y5", "joined"}, {"y"});
  b.output("y");
  if (shows_weights) b.output("weights");
  return b;
}

const OptimizeOptions unmerged{.skip = {"merge_parallel_products"}};

TEST(RecogniseAttention, TakesTheHeadsInWithIt) {
  for (const Mask mask : {Mask::none, Mask::added, Mask::where}) {
    for (const bool scales_both : {false, true}) {
      const Names found = operators_after(attention(mask, scales_both), ramp({2, 5, 6}), 1e-5f, unmerged);
      EXPECT_EQ(found, (Names{"MatMul", "MatMul", "MatMul", "Attention"}));
    }
  }
}

TEST(RecogniseAttention, NotWhereTheWeightsAreShownOrAMaskHasOneKey) {
  for (const ModelBuilder& b : {attention(Mask::none, false, true), attention(Mask::of_one_key, false)}) {
    const Names found = operators_after(b, ramp({2, 5, 6}), 1e-5f);
    EXPECT_EQ(std::count(found.begin(), found.end(), "Attention"), 0);
    EXPECT_EQ(std::count(found.begin(), found.end(), "Softmax"), 1);
  }
}

TEST(RecogniseAttention, InFourAxesWhereTheHeadsWereNeverApart) {
  ModelBuilder b(23);
  b.input("x", {Dim(2), Dim(2), Dim(5), Dim(3)});
  b.constant("k", ramp({2, 2, 3, 4}));
  b.add("MatMul", {"x", "k"}, {"scores"});
  b.add("Softmax", {"scores"}, {"weights"});
  b.constant("v", ramp({2, 2, 4, 6}));
  b.add("MatMul", {"weights", "v"}, {"y"});
  b.output("y");
  const Names found = operators_after(b, ramp({2, 2, 5, 3}), 1e-5f);
  EXPECT_EQ(found, Names{"Attention"});
}

TEST(RecogniseAttention, MatricesWithoutHeadsAreABatch) {
  ModelBuilder b(23);
  b.input("x", {Dim(4), Dim(5), Dim(3)});
  b.constant("mask", ramp({4, 1, 5}));
  b.add("Transpose", {"x"}, {"k"}, {ints_value("perm", {0, 2, 1})});
  b.add("MatMul", {"x", "k"}, {"scores"});
  b.add("Add", {"scores", "mask"}, {"masked"});
  b.add("Softmax", {"masked"}, {"weights"}, {int_value("axis", 2)});
  b.add("MatMul", {"weights", "x"}, {"y"});
  b.output("y");
  const Names found = operators_after(b, ramp({4, 5, 3}), 1e-5f);
  EXPECT_EQ(found, Names{"Attention"});
}

}  // namespace
}  // namespace kiln
