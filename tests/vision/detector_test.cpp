#include "kiln/vision/detector.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "kiln/error.hpp"
#include "kiln/vision/draw.hpp"
#include "vision/detect/boxes.hpp"

namespace kiln::vision {
namespace {

/// As torchvision has it.
float overlap_of(const Detection& a, const Detection& b) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const auto area = [](const Detection& box) { return (box.right - box.left) * (box.bottom - box.top); };
  return width * height / (area(a) + area(b) - width * height);
}

std::vector<Detection> random_boxes(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> place(0, 500), side(10, 120), score(0, 1);
  std::vector<Detection> boxes;
  for (size_t i = 0; i < count; ++i) {
    const float x = place(random), y = place(random);
    boxes.push_back({x, y, x + side(random), y + side(random), score(random), static_cast<int64_t>(random() % 3)});
  }
  return boxes;
}

/// As ultralytics moves boxes, so that those of different classes lie apart.
Detection moved_by_class(Detection box) {
  const auto by = static_cast<float>(7680 * box.class_index);
  return {box.left + by, box.top + by, box.right + by, box.bottom + by, box.score, box.class_index};
}

std::vector<Detection> plainly_kept(std::vector<Detection> boxes, float overlap, bool agnostic, size_t most) {
  std::stable_sort(boxes.begin(), boxes.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  std::vector<Detection> kept;
  for (const Detection& box : boxes) {
    const bool free = std::none_of(kept.begin(), kept.end(), [&](const Detection& better) {
      if (agnostic) return overlap_of(better, box) > overlap;
      return better.class_index == box.class_index && overlap_of(moved_by_class(better), moved_by_class(box)) > overlap;
    });
    if (free && kept.size() < most) kept.push_back(box);
  }
  return kept;
}

void expect_plainly_kept(const std::vector<Detection>& boxes, float overlap, bool agnostic, int64_t most) {
  const std::vector<Detection> found = suppress(boxes, overlap, agnostic, most);
  const std::vector<Detection> wanted = plainly_kept(boxes, overlap, agnostic, static_cast<size_t>(most));
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_EQ(found[i].score, wanted[i].score);
}

TEST(Suppress, KeepsWhatAPlainSearchKeeps) {
  for (uint32_t seed = 0; seed < 30; ++seed) {
    for (const bool agnostic : {false, true}) expect_plainly_kept(random_boxes(150, seed), 0.45f, agnostic, 40);
  }
  EXPECT_TRUE(suppress({}, 0.5f, true, 10).empty());
}

TEST(Suppress, OfManyAndFarAwayBoxesIsTheSame) {
  for (const float overlap : {0.0f, 0.05f, 0.12f, 0.3f, 0.45f, 0.6f, 0.9f, 1.0f}) {
    for (const float scale : {0.02f, 1.0f, 40.0f, 1e5f}) {
      for (const bool agnostic : {false, true}) {
        std::vector<Detection> boxes = random_boxes(1200, static_cast<uint32_t>(scale));
        for (Detection& box : boxes) {
          for (float* side : {&box.left, &box.top, &box.right, &box.bottom}) *side = (*side - 300) * scale;
        }
        expect_plainly_kept(boxes, overlap, agnostic, 500);
      }
    }
  }
}

TEST(Suppress, ComparesBoxesOfLateClassesInWholeSixteenths) {
  // 3.79 pixels are 3.8125 for the last of 80 classes: an overlap of 0.4503 is one of 0.4480.
  const auto kept = [](int64_t class_index, bool agnostic) {
    return suppress({{0, 0, 10, 10, 0.9f, class_index}, {3.79f, 0, 13.79f, 10, 0.8f, class_index}}, 0.45f, agnostic,
                    300);
  };
  EXPECT_EQ(kept(0, false).size(), 1u);
  EXPECT_EQ(kept(79, true).size(), 1u);
  ASSERT_EQ(kept(79, false).size(), 2u);
  EXPECT_EQ(kept(79, false)[1].left, 3.79f);
}

TEST(Boxes, AreReadFromEveryLayout) {
  // YOLOv8: two classes, six boxes, of which the third is an object.
  Tensor columns(DType::f32, {1, 6, 7});
  std::fill_n(columns.mutable_data<float>(), 42, 0.0f);
  const float box[] = {50, 60, 20, 10, 0.1f, 0.8f};
  for (int64_t i = 0; i < 6; ++i) columns.mutable_data<float>()[i * 7 + 2] = box[i];
  std::vector<Detection> found = read_boxes(columns, 0.25f, 2);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].left, 40);
  EXPECT_EQ(found[0].bottom, 65);
  EXPECT_EQ(found[0].class_index, 1);
  EXPECT_FLOAT_EQ(found[0].score, 0.8f);
  EXPECT_THROW(read_boxes(columns, 0.25f, 80), Error);

  // YOLOv5: the same with objectness.
  Tensor rows(DType::f32, {1, 9, 7});
  std::fill_n(rows.mutable_data<float>(), 63, 0.0f);
  const float row[] = {50, 60, 20, 10, 0.5f, 0.1f, 0.8f};
  std::copy_n(row, 7, rows.mutable_data<float>() + 7 * 4);
  found = read_boxes(rows, 0.25f, 2);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_FLOAT_EQ(found[0].score, 0.4f);
  EXPECT_EQ(found[0].right, 60);

  Tensor finished(DType::f32, {1, 2, 6});
  const float done[] = {1, 2, 3, 4, 0.9f, 7, 1, 2, 3, 4, 0.1f, std::numeric_limits<float>::quiet_NaN()};
  std::copy_n(done, 12, finished.mutable_data<float>());
  found = read_boxes(finished, 0.25f, 0);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].class_index, 7);

  EXPECT_THROW(read_boxes(Tensor(DType::f32, {2, 84, 8400}), 0.25f, 0), Error);
  EXPECT_THROW(read_boxes(Tensor(DType::f32, {1, 4, 8400}), 0.25f, 0), Error);
}

TEST(Draw, StaysInThePicture) {
  Picture picture(40, 30);
  draw_outline(picture, {{{-20, -20}, {60, 5}, {100, 90}, {-5, 40}}}, colour_of(1), 3);
  draw_disc(picture, {20, 15}, 4, {255, 0, 0});
  EXPECT_EQ(picture.row(15)[3 * 20], 255);
  EXPECT_EQ(picture.row(15)[3 * 26], 0);
  draw_line(picture, {std::numeric_limits<float>::quiet_NaN(), 0}, {3, 3}, {255, 255, 255}, 2);
  draw_line(picture, {-1e30f, 0}, {1e30f, 3}, {255, 255, 255}, 2);
  draw_label(picture, {35, 2}, "g\xc3\xa9nial \xe4\xb8\xad\xff", {0, 0, 255});
  draw_label(picture, {-1000, 1000}, "text", {0, 0, 255});
  Picture empty;
  draw_label(empty, {0, 0}, "text", {0, 0, 255});
}

}  // namespace
}  // namespace kiln::vision
