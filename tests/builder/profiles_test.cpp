#include "builder/profiles.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "runtime/graph_maker.hpp"

namespace kiln {
namespace {

std::vector<Profile> read(std::string_view text) {
  std::vector<Profile> profiles;
  add_profiles(profiles, text);
  return profiles;
}

std::string message_of(const auto& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "";
}

TEST(Profiles, ReadsAllForms) {
  const ShapeRange three{{1, 3, 32, 32}, {1, 3, 640, 640}, {1, 3, 4096, 4096}};
  EXPECT_EQ(read("x=1x3x32x32:1x3x640x640:1x3x4096x4096").at(0).at("x"), three);
  EXPECT_EQ(read(" x = 1,3,32,32 : 1,3,640,640 : 1,3,4096,4096 ").at(0).at("x"), three);
  EXPECT_EQ(read("1x3x32x32:1x3x640x640:1x3x4096x4096").at(0).at(""), three);
  const ShapeRange one{{1, 8}, {1, 8}, {1, 8}};
  EXPECT_EQ(read("input:0=1x8").at(0).at("input:0"), one);
  EXPECT_EQ(read("[1,8]").at(0).at(""), one);
  const ShapeRange ranges{{1, 3, 960, 800}, {1, 3, -1, 800}, {1, 3, 1200, 800}};
  for (const char* text : {"[1,3,960:1200,800]", "[1, 3, 960..1200, 800]"}) EXPECT_EQ(read(text).at(0).at(""), ranges);
  EXPECT_EQ(read("x[1,3,960:1200,800]").at(0).at("x"), ranges);
  EXPECT_EQ(read("x=[1,3,960:1200,800]").at(0).at("x"), ranges);
  const ShapeRange open{{-1, -1, -1, 5, -1}, {-1, -1, -1, -1, -1}, {-1, -1, -1, -1, 9}};
  EXPECT_EQ(read("[?,-1,..,5..,..9]").at(0).at(""), open);
  EXPECT_EQ(read("1x?:1x64:1x?").at(0).at(""), (ShapeRange{{1, -1}, {1, 64}, {1, -1}}));
}

TEST(Profiles, WhatIsSaidAgainIsTheNextProfile) {
  std::vector<Profile> profiles = read("a=1x8;b=2;a=1x9");
  add_profiles(profiles, "b=3");
  ASSERT_EQ(profiles.size(), 2u);
  EXPECT_EQ(profiles[0].at("a").typical, (Shape{1, 8}));
  EXPECT_EQ(profiles[0].at("b").typical, (Shape{2}));
  EXPECT_EQ(profiles[1].at("a").typical, (Shape{1, 9}));
  EXPECT_EQ(profiles[1].at("b").typical, (Shape{3}));
}

TEST(Profiles, TheTextGivesTheSame) {
  const auto profiles = read("a=1x8:1x9:2x10;b=[1..4,?];a=7x7");
  EXPECT_EQ(read(profiles_text(profiles)), profiles);
  EXPECT_EQ(range_text({{1, 8}, {1, 9}, {2, 10}}), "1x8:1x9:2x10");
  EXPECT_EQ(range_text({{5}, {5}, {5}}), "5");
}

TEST(Profiles, EveryWrongFormIsRefusedWithItsText) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "nothing is said"},
      {"x=", "a shape is missing"},
      {"=1x3", "no name before '='"},
      {"x=1x3;", "nothing is said"},
      {"x=1xax3", "'a' is no dim"},
      {"x=1x-3", "'-3' is no dim"},
      {"x=1xx3", "'' is no dim"},
      {"x=1x3x", "'' is no dim"},
      {"x=1.5x3", "'1.5' is no dim"},
      {"x=1x99999999999999999999", "is no dim"},
      {"x=1x9999999999999999", "is no dim"},
      {"x=1x3:1x4", "found 2 shapes, expected 1 or 3"},
      {"x=1:2:3:4", "found 4 shapes"},
      {"x=1x3::1x5", "a shape is missing"},
      {"x=1x3:1x4x5:1x6", "found shapes of 2, 3 and 2 dims"},
      {"x=1x5:1x4:1x6", "dim 1 must not fall from the least shape to the largest: found 5, then 4, then 6"},
      {"x=1x5:1x?:1x3", "largest: found 5, then 3"},
      {"[1,3,9:5]", "dim 2 must not fall from the least shape to the largest: found 9, then 5"},
      {"[1,3", "no ']' at the end"},
      {"[1,,3]", "'' is no dim"},
      {"[1,3:4:5]", "'4:5' is no dim"},
      {"[1,a..b]", "'a' is no dim"},
      {"x=1,3,960:1200,800", "found 2 shapes"},
  };
  for (const auto& [text, message] : wrong) {
    const std::string found = message_of([&, text = text] { read(text); });
    EXPECT_NE(found.find(message), std::string::npos) << text << ": " << found;
    EXPECT_NE(found.find("expected NAME=LEAST"), std::string::npos) << found;
  }
}

std::vector<Port> ports() {
  const Dim batch = Dim::symbol("batch"), length = Dim::symbol("length");
  return {{"ids", Type::tensor(DType::i64, SymShape{batch, length}), 0, false},
          {"mask", Type::tensor(DType::i64, SymShape{batch, length}), 1, false},
          {"picture", Type::tensor(DType::f32, SymShape{1, 3, {}, {}}), 2, false},
          {"list", Type::sequence(Type::tensor(DType::f32)), 3, false}};
}

TEST(Profiles, AreHeldAgainstTheInputs) {
  const auto checked = [](std::string_view text) { return checked_profiles(read(text), ports()); };
  EXPECT_EQ(checked("ids=1x8:1x64:8x512;mask=1x8:1x64:8x512").size(), 1u);
  const auto two = checked("picture=1x3x8x8;ids=1x8;ids=1x9");
  ASSERT_EQ(two.size(), 2u);
  EXPECT_EQ(two[1].at("picture").typical, (Shape{1, 3, 8, 8})) << "what is said once holds for all";
  const std::pair<const char*, const char*> wrong[] = {
      {"other=1x8", "no input 'other'; its inputs are 'ids', 'mask'"},
      {"1x8", "the inputs 'ids', 'mask', 'picture', 'list': say which"},
      {"ids=1x8x3", "found 3 dims, expected 2"},
      {"picture=1x4x8x8", "found 4 for dim 1, which is always 3"},
      {"list=4", "has no shape"},
      {"ids=1x8;mask=1x9", "share the dim 'length'"},
  };
  for (const auto& [text, message] : wrong) {
    const std::string found = message_of([&, text = text] { checked(text); });
    EXPECT_NE(found.find(message), std::string::npos) << text << ": " << found;
  }
  const std::pair<ShapeRange, const char*> wrong_ranges[] = {
      {{{1}, {1, 2}, {1, 2}}, "found shapes of 1, 2 and 2 dims"},
      {{{1, -2}, {1, 2}, {1, 2}}, "dim 1 cannot be -2"},
      {{{1, 3}, {1, 2}, {1, 4}}, "dim 1 must not fall from the least shape to the largest: found 3, then 2, then 4"},
  };
  for (const auto& [range, message] : wrong_ranges) {
    const std::string found = message_of([&, range = range] { checked_profiles({{{"ids", range}}}, ports()); });
    EXPECT_NE(found.find(message), std::string::npos) << found;
    EXPECT_NE(found.find("profile of input 'ids'"), std::string::npos) << found;
  }
}

}  // namespace
}  // namespace kiln
