#include "base/small_floats.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace kiln {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

template <class F>
class SmallFloatTest : public testing::Test {};
using AllSmallFloats = testing::Types<f16, bf16, f8e4m3fn, f8e4m3fnuz, f8e5m2, f8e5m2fnuz, f6e2m3, f6e3m2, f4e2m1>;
TYPED_TEST_SUITE(SmallFloatTest, AllSmallFloats);

template <class F>
std::vector<F> all_values() {
  std::vector<F> values;
  for (uint32_t bits = 0; bits < 1u << F::spec.width(); ++bits) {
    values.push_back(F::from_bits(static_cast<typename F::Bits>(bits)));
  }
  return values;
}

TYPED_TEST(SmallFloatTest, EveryPatternSurvivesTheWayThroughFloatAndDouble) {
  for (const TypeParam value : all_values<TypeParam>()) {
    const float wide = value;
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(TypeParam(wide)));
      continue;
    }
    EXPECT_EQ(cast_float<TypeParam>(wide, false).bits, value.bits);
    EXPECT_EQ(cast_float<TypeParam>(double{wide}, false).bits, value.bits);
  }
}

TYPED_TEST(SmallFloatTest, HalfwayGoesToTheEvenNeighbourAndTheRestToTheNearer) {
  std::set<float> finite;
  for (const TypeParam value : all_values<TypeParam>()) {
    if (std::isfinite(value) && value > 0) {
      finite.insert(value);
    }
  }
  float below = 0;
  for (const float above : finite) {
    const double middle = (double{below} + double{above}) / 2;
    const TypeParam low(below), high(above);
    EXPECT_EQ(TypeParam(middle).bits, low.bits % 2 == 0 ? low.bits : high.bits) << middle;
    EXPECT_EQ(TypeParam(-middle).bits, TypeParam(low.bits % 2 == 0 ? -below : -above).bits) << middle;
    EXPECT_EQ(TypeParam(std::nextafter(middle, 1e300)).bits, high.bits) << middle;
    EXPECT_EQ(TypeParam(std::nextafter(middle, 0.0)).bits, low.bits) << middle;
    EXPECT_EQ(TypeParam(static_cast<float>(middle)).bits, TypeParam(double{static_cast<float>(middle)}).bits);
    below = above;
  }
  EXPECT_EQ(static_cast<float>(std::numeric_limits<TypeParam>::max()), *finite.rbegin());
  EXPECT_EQ(static_cast<float>(std::numeric_limits<TypeParam>::lowest()), -*finite.rbegin());
  EXPECT_EQ(static_cast<float>(std::numeric_limits<TypeParam>::denorm_min()), *finite.begin());
}

TEST(SmallFloats, Extremes) {
  EXPECT_EQ(std::numeric_limits<f16>::max(), 65504.0f);
  EXPECT_EQ(std::numeric_limits<bf16>::max(), 0x1.fep127f);
  EXPECT_EQ(std::numeric_limits<f8e4m3fn>::max(), 448.0f);
  EXPECT_EQ(std::numeric_limits<f8e4m3fnuz>::max(), 240.0f);
  EXPECT_EQ(std::numeric_limits<f8e5m2>::max(), 57344.0f);
  EXPECT_EQ(std::numeric_limits<f8e5m2fnuz>::max(), 57344.0f);
  EXPECT_EQ(std::numeric_limits<f6e2m3>::max(), 7.5f);
  EXPECT_EQ(std::numeric_limits<f6e3m2>::max(), 28.0f);
  EXPECT_EQ(std::numeric_limits<f4e2m1>::max(), 6.0f);
  EXPECT_EQ(std::numeric_limits<f8e4m3fn>::min(), 0x1p-6f);
  EXPECT_EQ(std::numeric_limits<f16>::epsilon(), 0x1p-10f);
}

TEST(SmallFloats, HalfAndBfloatOverflowToInfinityWhateverSaturateSays) {
  EXPECT_EQ(f16(65519.996f).bits, 0x7bff);
  EXPECT_EQ(f16(65520.0f).bits, 0x7c00);
  EXPECT_EQ(cast_float<f16>(-1e10f, true).bits, 0xfc00);
  EXPECT_EQ(bf16(std::numeric_limits<float>::max()).bits, 0x7f80);
  EXPECT_EQ(f16(nan).bits, 0x7e00);
  EXPECT_EQ(bf16(nan).bits, 0x7fc0);
  EXPECT_EQ(bf16(std::bit_cast<float>(0x7f800001u)).bits, 0x7fc0) << "a NaN never rounds to infinity";
  EXPECT_TRUE(std::isnan(f16(std::bit_cast<float>(0x7f800001u))));
}

TEST(SmallFloats, DoublesAreRoundedOnce) {
  // As a float this would first become the halfway point 1 + 2^-11, and then the even 1.
  EXPECT_EQ(f16(1 + 0x1p-11 + 0x1p-40), 1 + 0x1p-10f);
  EXPECT_EQ(bf16(1 + 0x1p-8 + 0x1p-50), 1 + 0x1p-7f);
  EXPECT_EQ(bf16((int64_t{1} << 60) + (int64_t{1} << 52) + 1), 0x1p60f + 0x1p53f);
  EXPECT_EQ(f16(std::numeric_limits<int64_t>::min()).bits, 0xfc00);
  EXPECT_EQ(f16(2049), 2048.0f);
  EXPECT_EQ(bf16(0x1p-133), 0x1p-133f);
}

struct CastRow {
  float x;
  uint32_t e4m3fn, e4m3fnuz, e5m2, e5m2fnuz;
};

void expect_cast(const CastRow& row, bool saturate) {
  EXPECT_EQ(cast_float<f8e4m3fn>(row.x, saturate).bits, row.e4m3fn) << row.x;
  EXPECT_EQ(cast_float<f8e4m3fnuz>(row.x, saturate).bits, row.e4m3fnuz) << row.x;
  EXPECT_EQ(cast_float<f8e5m2>(row.x, saturate).bits, row.e5m2) << row.x;
  EXPECT_EQ(cast_float<f8e5m2fnuz>(row.x, saturate).bits, row.e5m2fnuz) << row.x;
}

TEST(SmallFloats, Float8CastFollowsTheTablesOfOnnx) {
  for (const CastRow& row : {CastRow{0.0f, 0, 0, 0, 0}, CastRow{-0.0f, 0x80, 0, 0x80, 0},
                             CastRow{nan, 0x7f, 0x80, 0x7e, 0x80}, CastRow{inf, 0x7e, 0x7f, 0x7b, 0x7f},
                             CastRow{-inf, 0xfe, 0xff, 0xfb, 0xff}, CastRow{1e6f, 0x7e, 0x7f, 0x7b, 0x7f},
                             CastRow{-1e6f, 0xfe, 0xff, 0xfb, 0xff}, CastRow{-1e-30f, 0x80, 0, 0x80, 0}}) {
    expect_cast(row, true);
  }
  for (const CastRow& row :
       {CastRow{-0.0f, 0x80, 0, 0x80, 0}, CastRow{nan, 0x7f, 0x80, 0x7e, 0x80}, CastRow{-nan, 0xff, 0x80, 0xfe, 0x80},
        CastRow{inf, 0x7f, 0x80, 0x7c, 0x80}, CastRow{-inf, 0xff, 0x80, 0xfc, 0x80},
        CastRow{1e6f, 0x7f, 0x80, 0x7c, 0x80}, CastRow{-1e6f, 0xff, 0x80, 0xfc, 0x80}}) {
    expect_cast(row, false);
  }
  EXPECT_EQ(cast_float<f8e4m3fn>(464.0f, false).bits, 0x7e) << "rounds down to the largest, so is not too large";
  EXPECT_EQ(cast_float<f8e4m3fn>(465.0f, false).bits, 0x7f);
}

TEST(SmallFloats, TypesWithoutSpecialsClampAndTurnNanIntoMinusZero) {
  EXPECT_EQ(f4e2m1(inf).bits, 0x7);
  EXPECT_EQ(cast_float<f4e2m1>(-9.0f, false).bits, 0xf);
  EXPECT_EQ(f4e2m1(nan).bits, 0x8);
  EXPECT_EQ(f6e2m3(25.0f), 7.5f);
  EXPECT_EQ(f6e3m2(25.0f), 24.0f);
  EXPECT_EQ(f6e3m2(nan).bits, 0x20);
  EXPECT_EQ(f4e2m1::from_bits(0xf7), 6.0f) << "stray high bits of a byte are not looked at";
}

TEST(SmallFloats, ScaleType) {
  EXPECT_EQ(f8e8m0::from_bits(0), 0x1p-127f);
  EXPECT_EQ(f8e8m0::from_bits(127), 1.0f);
  EXPECT_EQ(f8e8m0::from_bits(254), 0x1p127f);
  EXPECT_TRUE(std::isnan(f8e8m0::from_bits(255)));
  EXPECT_EQ(cast_e8m0(1.1, RoundMode::up), 2.0f);
  EXPECT_EQ(cast_e8m0(1.9, RoundMode::down), 1.0f);
  EXPECT_EQ(cast_e8m0(1.5, RoundMode::nearest), 2.0f);
  EXPECT_EQ(cast_e8m0(1.49, RoundMode::nearest), 1.0f);
  EXPECT_EQ(cast_e8m0(0x1p-127, RoundMode::up).bits, 0);
  for (const bool saturate : {true, false}) {
    EXPECT_EQ(cast_e8m0(nan, RoundMode::up, saturate).bits, 255);
    EXPECT_EQ(cast_e8m0(0, RoundMode::nearest, saturate).bits, saturate ? 0 : 255);
    EXPECT_EQ(cast_e8m0(inf, RoundMode::nearest, saturate).bits, saturate ? 254 : 255);
    EXPECT_EQ(cast_e8m0(0x1.8p127, RoundMode::up, saturate).bits, saturate ? 254 : 255);
    EXPECT_EQ(cast_e8m0(0x1p-140, RoundMode::up, saturate).bits, saturate ? 0 : 255);
  }
}

TEST(SmallInts, WrapToTheirLowBits) {
  EXPECT_EQ(int4(200), -8);
  EXPECT_EQ(int4(7), 7);
  EXPECT_EQ(int4(8), -8);
  EXPECT_EQ(int4(-9), 7);
  EXPECT_EQ(uint4(-1), 15);
  EXPECT_EQ(uint4(int64_t{1} << 40 | 5), 5);
  EXPECT_EQ(int2(2), -2);
  EXPECT_EQ(uint2(7), 3);
  EXPECT_EQ(uint4(int4(-1)), 15);
  EXPECT_EQ(std::numeric_limits<int4>::lowest(), -8);
  EXPECT_EQ(std::numeric_limits<int4>::max(), 7);
  EXPECT_EQ(std::numeric_limits<uint2>::max(), 3);
}

}  // namespace
}  // namespace kiln
