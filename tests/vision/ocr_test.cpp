#include "kiln/vision/ocr.hpp"

#include <gtest/gtest.h>

#include "kiln/error.hpp"
#include "vision/ocr/ctc.hpp"
#include "vision/ocr/text_boxes.hpp"

namespace kiln::vision {
namespace {

TEST(Ctc, MergesRepeatsAndLeavesOutBlanks) {
  const std::vector<std::string> characters{"", "a", "b", " "};
  const std::vector<float> steps{0.1f, 0.8f, 0.1f, 0, 0, 0.9f, 0.1f, 0, 0.7f, 0.2f, 0.1f, 0,
                                 0,    0.6f, 0.4f, 0, 0, 0.1f, 0.5f, 0, 0,    0,    0,    1};
  const DecodedText decoded = decode_ctc(steps.data(), 6, characters);
  EXPECT_EQ(decoded.text, "aab ");
  EXPECT_NEAR(decoded.score, (0.8 + 0.6 + 0.5 + 1) / 4, 1e-6);
  const std::vector<float> blank{1, 0, 0, 0};
  EXPECT_EQ(decode_ctc(blank.data(), 1, characters).text, "");
  EXPECT_EQ(decode_ctc(blank.data(), 1, characters).score, 0);
}

TEST(Ctc, CharactersAreLines) {
  EXPECT_EQ(split_lines("a\r\n\n b\n"), (std::vector<std::string>{"a", "", " b"}));
  EXPECT_TRUE(split_lines("").empty());
}

/// A map with a line of text at x 40 to 139, y 30 to 39.
std::vector<float> map_with_a_line() {
  std::vector<float> map(200 * 100);
  for (int64_t y = 30; y < 40; ++y) {
    for (int64_t x = 40; x < 140; ++x) map[static_cast<size_t>(y * 200 + x)] = 0.9f;
  }
  return map;
}

TEST(TextBoxes, GrowAndAreScaledToThePicture) {
  const std::vector<float> map = map_with_a_line();
  const std::vector<Quad> boxes = find_text_boxes(map.data(), 200, 100, 400, 300, {});
  ASSERT_EQ(boxes.size(), 1u);
  // The dilated box is 100 by 10: it grows by 100 * 10 * 1.6 / 220 = 7.27 on each side.
  EXPECT_NEAR(boxes[0][0].x, 2 * (40 - 7.27), 2);
  EXPECT_NEAR(boxes[0][0].y, 3 * (30 - 7.27), 3);
  EXPECT_NEAR(boxes[0][2].x, 2 * (140 + 7.27), 2);
  EXPECT_NEAR(boxes[0][2].y, 3 * (40 + 7.27), 3);
}

TEST(TextBoxes, NeedTheirScore) {
  const std::vector<float> map = map_with_a_line();
  EXPECT_TRUE(find_text_boxes(map.data(), 200, 100, 200, 100, {.box_threshold = 0.95f}).empty());
  EXPECT_TRUE(find_text_boxes(map.data(), 200, 100, 200, 100, {.pixel_threshold = 0.95f}).empty());
  const std::vector<float> nothing(200 * 100);
  EXPECT_TRUE(find_text_boxes(nothing.data(), 200, 100, 200, 100, {}).empty());
}

TEST(TextBoxes, AreReadLineByLine) {
  const auto box_at = [](float x, float y) { return Quad{{{x, y}, {x + 9, y}, {x + 9, y + 5}, {x, y + 5}}}; };
  std::vector<Quad> boxes{box_at(5, 60), box_at(50, 12), box_at(5, 15), box_at(30, 18), box_at(1, 40)};
  sort_for_reading(boxes);
  EXPECT_EQ(boxes, (std::vector<Quad>{box_at(5, 15), box_at(30, 18), box_at(50, 12), box_at(1, 40), box_at(5, 60)}));
}

TEST(Ocr, SaysWhatIsMissing) {
  try {
    Ocr ocr({});
    ADD_FAILURE() << "was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("detector"), std::string::npos);
  }
}

TEST(Ocr, RefusesOptionsThatCannotBe) {
  const auto refuses = [](const OcrOptions& options, const char* why) {
    try {
      Ocr({}, options);
    } catch (const Error& error) {
      return std::string(error.what()).find(why) != std::string::npos;
    }
    return false;
  };
  EXPECT_TRUE(refuses({.batch = 0}, "batches of 0"));
  EXPECT_TRUE(refuses({.shortest_side = int64_t{1} << 62}, "sides from 4611686018427387904"));
  EXPECT_TRUE(refuses({.longest_side = 31}, "to 31"));
  EXPECT_TRUE(refuses({.unclip_ratio = 1e30f}, "grow by a ratio"));
}

}  // namespace
}  // namespace kiln::vision
