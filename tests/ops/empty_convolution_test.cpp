#include <gtest/gtest.h>

#include "kernels/reference.hpp"

namespace kiln {
namespace {

/// No channels can be shared by any number of groups: there is nothing to count, however many they are.
TEST(EmptyConvolution, TakesAnyNumberOfGroups) {
  const std::vector<std::pair<std::string, DType>> operators{
      {"Conv", DType::f32}, {"ConvTranspose", DType::f32}, {"DeformConv", DType::f32}, {"ConvInteger", DType::u8}};
  for (const auto& [op, dtype] : operators) {
    const Tensor x(dtype, {3, 0, 2, 2}), w(dtype, {0, 0, 1, 1}), offsets(DType::f32, {3, 2, 2, 2});
    std::vector<Tensor> inputs{x, w};
    if (op == "DeformConv") inputs.push_back(offsets);
    EXPECT_EQ(kernel_test::run_op(op, inputs, {}, {{"group", int64_t{1} << 62}}).shape(), (Shape{3, 0, 2, 2})) << op;
  }
}

}  // namespace
}  // namespace kiln
