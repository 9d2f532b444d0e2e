#include <gtest/gtest.h>

#include "kernels/limits/limits_table.hpp"
#include "kernels/limits/machine_limits.hpp"
#include "kernels/reference.hpp"

namespace kiln {
extern const LimitsTable limits_table_portable, limits_table_avx2, limits_table_avx512;
namespace kernel_test {
namespace {

TEST(Limits, LoopsDoWhatTheySay) {
  for (const Isa isa : usable_isas()) {
    const LimitsTable& table = isa == Isa::avx512 ? limits_table_avx512
                               : isa == Isa::avx2 ? limits_table_avx2
                                                  : limits_table_portable;
    std::vector<float> numbers(1280);
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i % 7);
    float sum = 0;
    for (const float number : numbers) sum += number;
    EXPECT_EQ(table.read(numbers.data(), 1280), sum);
    // x becomes x / 2 + 1: all lanes of all twelve chains end at two.
    const float xs[] = {0.5f, 1.0f};
    const auto lanes = static_cast<float>(table.flops_a_round / (2 * 12 * 8));
    EXPECT_EQ(table.multiply_adds(xs, 100), 2.0f * 12 * lanes);
  }
}

TEST(Limits, AreMeasuredOnce) {
  const MachineLimits& limits = machine_limits(Isa::portable, 1);
  EXPECT_GT(limits.flops, 1e8);
  EXPECT_GT(limits.bytes, 1e7);
  EXPECT_EQ(&machine_limits(Isa::portable, 1), &limits);
  EXPECT_DOUBLE_EQ(limits.seconds(limits.flops, 2 * limits.bytes), 2);
}

}  // namespace
}  // namespace kernel_test
}  // namespace kiln
