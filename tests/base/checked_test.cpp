#include "base/checked.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace kiln {
namespace {

constexpr int64_t most = std::numeric_limits<int64_t>::max();

template <class Body>
ErrorCode code_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_NE(std::string_view(error.what()).find("thing"), std::string_view::npos);
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::internal;
}

TEST(Checked, ArithmeticThatFits) {
  EXPECT_EQ(checked_mul(int64_t{3}, -4, "thing"), -12);
  EXPECT_EQ(checked_add(most, -1, "thing"), most - 1);
  EXPECT_EQ(checked_sub(size_t{3}, 3, "thing"), 0u);
  EXPECT_EQ(checked_cast<uint8_t>(255, "thing"), 255);
  EXPECT_EQ(checked_round_up(int64_t{65}, 64, "thing"), 128);
  EXPECT_EQ(checked_round_up(int64_t{64}, 64, "thing"), 64);
}

TEST(Checked, ArithmeticThatDoesNotFit) {
  EXPECT_EQ(code_of([] { checked_mul(most, 2, "thing"); }), ErrorCode::limit_exceeded);
  EXPECT_EQ(code_of([] { checked_add(most, 1, "thing"); }), ErrorCode::limit_exceeded);
  EXPECT_EQ(code_of([] { checked_sub(size_t{3}, 4, "thing"); }), ErrorCode::limit_exceeded);
  EXPECT_EQ(code_of([] { checked_cast<uint8_t>(-1, "thing"); }), ErrorCode::limit_exceeded);
  EXPECT_EQ(code_of([] { checked_cast<int64_t>(std::numeric_limits<uint64_t>::max(), "thing"); }),
            ErrorCode::limit_exceeded);
  EXPECT_EQ(code_of([] { checked_round_up(most, 64, "thing"); }), ErrorCode::limit_exceeded);
}

TEST(Checked, Products) {
  const std::vector<int64_t> shape{2, 3, 4}, huge{most, 2}, empty{most, most, 0}, negative{0, -1};
  EXPECT_EQ(checked_product(shape, "thing"), 24);
  EXPECT_EQ(checked_product({}, "thing"), 1);
  EXPECT_EQ(checked_product(empty, "thing"), 0);
  EXPECT_EQ(code_of([&] { checked_product(huge, "thing"); }), ErrorCode::limit_exceeded);
  EXPECT_EQ(code_of([&] { checked_product(negative, "thing"); }), ErrorCode::invalid_argument);
}

TEST(Checked, IndicesAndSpans) {
  EXPECT_EQ(checked_index(-1, 4, "thing"), 3);
  EXPECT_EQ(checked_index(0, 4, "thing"), 0);
  EXPECT_EQ(code_of([] { checked_index(4, 4, "thing"); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { checked_index(-5, 4, "thing"); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { checked_index(0, 0, "thing"); }), ErrorCode::invalid_argument);
  std::vector<int> items{1, 2, 3};
  EXPECT_EQ(checked_subspan(std::span(items), 1, 2, "thing").front(), 2);
  EXPECT_TRUE(checked_subspan(std::span(items), 3, 0, "thing").empty());
  EXPECT_EQ(code_of([&] { checked_subspan(std::span(items), 2, ~uint64_t{0}, "thing"); }), ErrorCode::invalid_data);
}

}  // namespace
}  // namespace kiln
