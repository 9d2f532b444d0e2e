#include "base/knobs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.hpp"

namespace kiln {
namespace {

enum class Colour { red, green };

Knob<bool> loud{"test_loud", "KILN_TEST_LOUD", false, "speak up"};
Knob<int64_t> depth{"test_depth", "KILN_TEST_DEPTH", 64, "how deep", 1, 10000};
Knob<double> ratio{"test_ratio", "KILN_TEST_RATIO", 0.5, "how much", 0, 1};
Knob<std::string> place{"test_place", "KILN_TEST_PLACE", "here", "where"};
ChoiceKnob<Colour> colour{
    "test_colour", "KILN_TEST_COLOUR", Colour::red, "which", {{"red", Colour::red}, {"green", Colour::green}}};
KnobBase* const list[] = {&loud, &depth, &ratio, &place, &colour};

class Knobs : public testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (KnobBase* knob : list) {
      ::unsetenv(std::string(knob->variable()).c_str());
      knob->reset();
    }
  }
};

template <class Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  return "no error";
}

TEST_F(Knobs, HaveTheirDefaults) {
  EXPECT_FALSE(loud.get());
  EXPECT_EQ(depth.get(), 64);
  EXPECT_EQ(ratio.get(), 0.5);
  EXPECT_EQ(place.get(), "here");
  EXPECT_EQ(colour.get(), Colour::red);
  for (const KnobBase* knob : list) {
    EXPECT_EQ(knob->value_text(), knob->default_text());
    EXPECT_EQ(knob->source(), KnobBase::Source::default_value);
  }
}

TEST_F(Knobs, ReadTheirVariableAtTheFirstUse) {
  ::setenv("KILN_TEST_LOUD", "on", 1);
  ::setenv("KILN_TEST_DEPTH", "2K", 1);
  ::setenv("KILN_TEST_RATIO", "0.25", 1);
  ::setenv("KILN_TEST_PLACE", "there", 1);
  ::setenv("KILN_TEST_COLOUR", "green", 1);
  EXPECT_TRUE(loud.get());
  EXPECT_EQ(depth.get(), 2048);
  EXPECT_EQ(ratio.get(), 0.25);
  EXPECT_EQ(place.get(), "there");
  EXPECT_EQ(colour.get(), Colour::green);
  EXPECT_EQ(colour.source(), KnobBase::Source::environment);
  ::setenv("KILN_TEST_DEPTH", "5", 1);
  EXPECT_EQ(depth.get(), 2048);
}

TEST_F(Knobs, WhatIsSetWinsOverTheVariable) {
  ::setenv("KILN_TEST_DEPTH", "7", 1);
  depth.set(9);
  EXPECT_EQ(depth.get(), 9);
  EXPECT_EQ(depth.source(), KnobBase::Source::set);
  find_knob(list, "test_place").set_text("far");
  EXPECT_EQ(place.get(), "far");
  colour.set_text("green");
  EXPECT_EQ(colour.value_text(), "green");
}

TEST_F(Knobs, ImpossibleValuesAreErrorsAndChangeNothing) {
  EXPECT_EQ(message_of([] { depth.set(0); }),
            "knob test_depth: '0' is not possible; expected an integer from 1 to 10000");
  for (const char* text : {"", "x", "1x", "1KB", "1.5", "20000", "99999999999999999999", "9007199254740993T"}) {
    EXPECT_NE(message_of([&] { depth.set_text(text); }), "no error") << text;
  }
  for (const char* text : {"nan", "-0.1", "0.5 ", "1e999"}) {
    EXPECT_NE(message_of([&] { ratio.set_text(text); }), "no error") << text;
  }
  EXPECT_EQ(message_of([] { loud.set_text("maybe"); }),
            "knob test_loud: 'maybe' is not possible; expected true or false");
  EXPECT_EQ(message_of([] { colour.set_text("blue"); }),
            "knob test_colour: 'blue' is not possible; expected one of red, green");
  ::setenv("KILN_TEST_RATIO", "much", 1);
  EXPECT_EQ(message_of([] { ratio.get(); }),
            "environment variable KILN_TEST_RATIO: 'much' is not possible; expected a number from 0 to 1");
  EXPECT_EQ(depth.get(), 64);
  EXPECT_EQ(colour.get(), Colour::red);
}

TEST_F(Knobs, UnknownNamesAndVariablesAreTold) {
  EXPECT_EQ(message_of([] { find_knob(list, "test_deepth"); }),
            "there is no knob 'test_deepth'; is 'test_depth' meant?");
  EXPECT_EQ(message_of([] { find_knob(list, "entirely_else"); }), "there is no knob 'entirely_else'");
  ::setenv("KILN_TEST_DETPH", "7", 1);
  ::setenv("KILN_TEST_DEPTH", "7", 1);
  const std::vector<std::string> unknown = unknown_knob_variables(list);
  EXPECT_NE(std::find(unknown.begin(), unknown.end(), "KILN_TEST_DETPH"), unknown.end());
  EXPECT_EQ(std::find(unknown.begin(), unknown.end(), "KILN_TEST_DEPTH"), unknown.end());
  ::unsetenv("KILN_TEST_DETPH");
}

}  // namespace
}  // namespace kiln
