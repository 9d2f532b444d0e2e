#include "base/rng.hpp"

#include <gtest/gtest.h>

#include <array>

namespace kiln {
namespace {

using Block = std::array<uint32_t, 4>;

TEST(Philox, KnownAnswers) {
  EXPECT_EQ(Philox(0).block(0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox(~0ull, ~0ull).block(~0ull), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox(0x299f31d0a4093822, 0x0370734413198a2e).block(0x85a308d3243f6a88),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, DrawsFollowTheBlocks) {
  Philox random(7);
  for (uint64_t block = 0; block < 3; ++block) {
    for (const uint32_t word : Philox(7).block(block)) {
      EXPECT_EQ(random.next_u32(), word);
    }
  }
}

TEST(Philox, Distributions) {
  Philox random(1);
  constexpr int count = 200000;
  double sum = 0, square = 0, normal_sum = 0, normal_square = 0;
  std::array<int, 7> seen{};
  for (int i = 0; i < count; ++i) {
    const double u = random.uniform(-1, 3), n = random.normal();
    ASSERT_TRUE(u >= -1 && u < 3);
    sum += u;
    square += u * u;
    normal_sum += n;
    normal_square += n * n;
    ++seen[random.below(7)];
  }
  EXPECT_NEAR(sum / count, 1, 0.02);
  EXPECT_NEAR(square / count, 1 + 16.0 / 12, 0.03);
  EXPECT_NEAR(normal_sum / count, 0, 0.02);
  EXPECT_NEAR(normal_square / count, 1, 0.02);
  for (const int times : seen) {
    EXPECT_NEAR(times, count / 7.0, 900);
  }
}

// The values are those of numpy.random.RandomState.
TEST(NumpyRandomState, GivesNumpysStream) {
  NumpyRandomState zero(0);
  for (const double value : {0x1.18fe1565f12a8p-1, 0x1.6e2d4cf608733p-1, 0x1.349d66b6e894bp-1, 0x1.16faedb6395f5p-1}) {
    EXPECT_EQ(zero.uniform(), value);
  }
  NumpyRandomState forty_two(42);
  for (const double value : {0x1.fca2a28a9307cp-2, -0x1.1b2a505de052ap-3, 0x1.4b9dd50245e68p-1, 0x1.85e548e01aa2bp+0}) {
    EXPECT_EQ(forty_two.normal(), value);
  }
  EXPECT_EQ(NumpyRandomState(4294967295u).uniform(0, 1), 0x1.8fe69a3924820p-4);
}

TEST(NumpyRandomState, StaysInStepAfterManyDraws) {
  NumpyRandomState random(12345);
  double last = 0;
  for (int i = 0; i < 1000; ++i) {
    last = random.uniform();
  }
  EXPECT_EQ(last, 0x1.3c03006491c84p-2);
  for (int i = 0; i < 1001; ++i) {
    last = random.normal();
  }
  EXPECT_EQ(last, 0x1.522c8e2c9c2c3p+0);
  EXPECT_EQ(random.uniform(-2, 3), 0x1.24600f3eaf838p-1);
}

}  // namespace
}  // namespace kiln
