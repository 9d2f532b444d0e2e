#include "passes/model_builder.hpp"

namespace kiln {
namespace {

using passes::float_value;
using passes::int_value;
using passes::ints_value;

TEST(SlicesToSplit, SlicesAndGathersOfAllParts) {
  ModelBuilder b(21);
  b.input("x", {Dim::symbol("n"), Dim(4), Dim(2)});
  b.ints("axis", {1});
  b.ints("zero", {0});
  b.ints("three", {3});
  b.ints("far", {99});
  b.add("Slice", {"x", "zero", "three", "axis"}, {"a"});
  b.add("Slice", {"x", "three", "far", "axis"}, {"b"});
  b.output("b");
  b.output("a");
  EXPECT_EQ(operators_after(b, ramp({3, 4, 2})), Names{"Split"});
  b.constant("first", Tensor::scalar<int64_t>(0));
  b.constant("second", Tensor::scalar<int64_t>(-1));
  b.add("Gather", {"x", "second"}, {"c"}, {int_value("axis", 2)});
  b.output("c");
  EXPECT_EQ(operators_after(b, ramp({3, 4, 2})), (Names{"Split", "Gather"}));
  b.add("Gather", {"x", "first"}, {"d"}, {int_value("axis", -1)});
  b.output("d");
  EXPECT_EQ(operators_after(b, ramp({3, 4, 2})), (Names{"Split", "Split", "Squeeze", "Squeeze"}));
}

TEST(SlicesToSplit, NotWhereAPartIsTakenTwice) {
  ModelBuilder b(21);
  b.input("x", {Dim(5)});
  b.ints("axis", {0});
  b.ints("zero", {0});
  b.ints("two", {2});
  b.ints("three", {3});
  b.ints("five", {5});
  b.add("Slice", {"x", "zero", "three", "axis"}, {"a"});
  b.add("Slice", {"x", "two", "five", "axis"}, {"b"});
  b.output("a");
  b.output("b");
  EXPECT_EQ(operators_after(b, ramp({5})), (Names{"Slice", "Slice"}));
}

/// How torch's MultiheadAttention is exported: sequence first, one product for Q, K and V, heads beside the batch.
TEST(PackHeads, SelfAttentionWithTheSequenceFirst) {
  ModelBuilder b(20);
  b.input("x", {Dim(1), Dim(5), Dim(6)});
  b.constant("w", ramp({6, 18}, 0.5f));
  b.constant("bias", ramp({18}));
  b.add("Transpose", {"x"}, {"first"}, {ints_value("perm", {1, 0, 2})});
  b.add("MatMul", {"first", "w"}, {"product"});
  b.add("Add", {"product", "bias"}, {"linear"});
  b.ints("three", {5, 1, 3, 6});
  b.ints("zero", {0});
  b.ints("third", {-2});
  b.ints("heads", {5, 2, 3});
  b.ints("batch", {1, 2, 5, 3});
  b.ints("turned", {1, 2, 3, 5});
  b.ints("rows", {5, 6});
  b.ints("back", {5, 1, 6});
  b.scalar("scale", 0.7f);
  b.add("Reshape", {"linear", "three"}, {"l1"});
  b.add("Unsqueeze", {"l1", "zero"}, {"l2"});
  b.add("Transpose", {"l2"}, {"l3"}, {ints_value("perm", {3, 1, 2, 0, 4})});
  b.add("Squeeze", {"l3", "third"}, {"l4"});
  for (const int64_t k : {0, 1, 2}) {
    const std::string n = std::to_string(k);
    b.constant("i" + n, Tensor::scalar(k));
    b.add("Gather", {"l4", "i" + n}, {"part" + n});
    b.add("Reshape", {"part" + n, "heads"}, {"heads" + n});
    b.add("Transpose", {"heads" + n}, {"turn" + n}, {ints_value("perm", {1, 0, 2})});
  }
  b.add("Reshape", {"turn0", "batch"}, {"q"});
  b.add("Reshape", {"turn2", "batch"}, {"v"});
  b.add("Transpose", {"turn1"}, {"kt"}, {ints_value("perm", {0, 2, 1})});
  b.add("Reshape", {"kt", "turned"}, {"k"});
  b.add("Mul", {"q", "scale"}, {"qs"});
  b.add("Mul", {"k", "scale"}, {"ks"});
  b.add("MatMul", {"qs", "ks"}, {"scores"});
  b.add("Softmax", {"scores"}, {"weights"});
  b.add("MatMul", {"weights", "v"}, {"y1"});
  b.add("Transpose", {"y1"}, {"y2"}, {ints_value("perm", {2, 0, 1, 3})});
  b.add("Reshape", {"y2", "rows"}, {"y3"});
  b.constant("wo", ramp({4, 6}, 0.5f, 0.1f));
  b.constant("bo", ramp({4}));
  b.add("Gemm", {"y3", "wo", "bo"}, {"y4"}, {int_value("transB", 1)});
  b.ints("out", {5, 1, 4});
  b.add("Reshape", {"y4", "out"}, {"y5"});
  b.add("Transpose", {"y5"}, {"y"}, {ints_value("perm", {1, 0, 2})});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({1, 5, 6}), 1e-5f),
            (Names{"MatMul", "Add", "Split", "Attention", "MatMul", "Add"}));
}

/// Q, K and V lie on an axis of their own, in front of the batch.
TEST(PackHeads, WhereQueriesKeysAndValuesAreGathered) {
  ModelBuilder b(20);
  b.input("x", {Dim::symbol("b"), Dim(5), Dim(6)});
  b.constant("w", ramp({6, 18}, 0.5f));
  b.ints("three", {0, 5, 3, 2, 3});
  b.ints("joined", {0, 5, 6});
  b.constant("scale", Tensor::vector<float>({0.7f}));
  b.add("MatMul", {"x", "w"}, {"linear"});
  b.add("Reshape", {"linear", "three"}, {"l1"});
  b.add("Transpose", {"l1"}, {"l2"}, {ints_value("perm", {2, 0, 3, 1, 4})});
  for (const int64_t k : {2, 0, 1}) {
    const std::string n = std::to_string(k);
    b.constant("i" + n, Tensor::scalar(k));
    b.add("Gather", {"l2", "i" + n}, {"part" + n});
  }
  b.add("Mul", {"part0", "scale"}, {"q"});
  b.add("Transpose", {"part1"}, {"k"}, {ints_value("perm", {0, 1, 3, 2})});
  b.add("MatMul", {"q", "k"}, {"scores"});
  b.add("Softmax", {"scores"}, {"weights"});
  b.add("MatMul", {"weights", "part2"}, {"y1"});
  b.add("Transpose", {"y1"}, {"y2"}, {ints_value("perm", {0, 2, 1, 3})});
  b.add("Reshape", {"y2", "joined"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 5, 6}), 1e-5f), (Names{"MatMul", "Split", "Attention"}));
}

TEST(SinkReshapes, BehindProductsOfRows) {
  ModelBuilder b(21);
  b.input("x", {Dim::symbol("b"), Dim::symbol("s"), Dim(4)});
  b.ints("rows", {-1, 4});
  b.constant("w", ramp({4, 3}));
  b.constant("c", ramp({3}));
  b.add("Reshape", {"x", "rows"}, {"flat"});
  b.add("Gemm", {"flat", "w", "c"}, {"g"});
  b.add("Shape", {"x"}, {"shape"}, {int_value("end", 2)});
  b.ints("last", {-1});
  b.add("Concat", {"shape", "last"}, {"target"}, {int_value("axis", 0)});
  b.add("Reshape", {"g", "target"}, {"r"});
  b.add("Gelu", {"r"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 5, 4}), 1e-6f), (Names{"MatMul", "Add", "Gelu"}));
}

TEST(SinkReshapes, NotPastWhatMeansAnotherAxis) {
  ModelBuilder b(21);
  b.input("x", {Dim(2), Dim(3), Dim(4)});
  b.ints("target", {2, 12});
  b.constant("c", ramp({12}));
  b.add("Reshape", {"x", "target"}, {"flat"});
  b.add("Add", {"flat", "c"}, {"a"});
  b.add("Softmax", {"a"}, {"y"});
  b.output("y");
  EXPECT_EQ(operators_after(b, ramp({2, 3, 4})), (Names{"Reshape", "Add", "Softmax"}));
}

TEST(MergeParallelProducts, MatMulsWithTheirBiases) {
  ModelBuilder b(21);
  b.input("x", {Dim(2), Dim::symbol("s"), Dim(4)});
  for (const char* name : {"q", "k", "v"}) {
    const std::string n = name;
    b.constant("w" + n, ramp({4, n == "v" ? 32 : 16}, 1, static_cast<float>(n[0])));
    b.add("MatMul", {"x", "w" + n}, {"p" + n});
    if (n == "q") {
      b.output("pq");
      continue;
    }
    b.constant("b" + n, ramp({n == "v" ? 32 : 16}));
    b.add("Add", {"p" + n, "b" + n}, {n});
    b.add("Softmax", {n}, {"s" + n});
    b.output("s" + n);
  }
  const Names found = operators_after(b, ramp({2, 3, 4}), 1e-6f);
  EXPECT_EQ(found, (Names{"MatMul", "MatMul", "Add", "Split", "Softmax", "Softmax"}));
}

TEST(MergeParallelProducts, OneByOneConvolutionsWithWhatFollowsThem) {
  for (const bool same : {true, false}) {
    ModelBuilder b(21);
    b.input("x", {Dim(1), Dim(3), Dim(4), Dim(4)});
    b.constant("wa", ramp({16, 3, 1, 1}));
    b.constant("wb", ramp({32, 3, 1, 1}, 0.5f));
    b.constant("bb", ramp({32}));
    b.add("Conv", {"x", "wa"}, {"a1"});
    b.add("Conv", {"x", "wb", "bb"}, {"b1"});
    b.add("Relu", {"a1"}, {"a2"});
    b.add(same ? "Relu" : "Sigmoid", {"b1"}, {"b2"});
    b.add("MaxPool", {"a2"}, {"y"}, {ints_value("kernel_shape", {2, 2})});
    b.add("MaxPool", {"b2"}, {"z"}, {ints_value("kernel_shape", {2, 2})});
    b.output("y");
    b.output("z");
    const Names found = operators_after(b, ramp({1, 3, 4, 4}), 1e-6f);
    EXPECT_EQ(std::count(found.begin(), found.end(), "Conv"), same ? 1 : 2);
    EXPECT_EQ(std::count(found.begin(), found.end(), "Split"), same ? 1 : 0);
    EXPECT_EQ(std::count(found.begin(), found.end(), "Relu"), 1);
  }
}

}  // namespace
}  // namespace kiln
