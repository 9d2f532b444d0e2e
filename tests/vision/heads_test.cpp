#include "vision/detect/heads.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/cpu.hpp"
#include "kiln/error.hpp"
#include "vision/detect/boxes.hpp"
#include "vision/detect/overlap.hpp"

namespace kiln::vision {
namespace {

Tensor zeros(Shape shape, float value = 0) {
  Tensor tensor(DType::f32, std::move(shape));
  std::fill_n(tensor.mutable_data<float>(), tensor.size(), value);
  return tensor;
}

Tensor list(Shape shape, const std::vector<float>& values) { return Tensor::from<float>(std::move(shape), values); }

float logit(float p) { return std::log(p / (1 - p)); }

void expect_box(const Detection& box, float left, float top, float right, float bottom, float score, int64_t index) {
  EXPECT_NEAR(box.left, left, 1e-2);
  EXPECT_NEAR(box.top, top, 1e-2);
  EXPECT_NEAR(box.right, right, 1e-2);
  EXPECT_NEAR(box.bottom, bottom, 1e-2);
  EXPECT_NEAR(box.score, score, 1e-4);
  EXPECT_EQ(box.class_index, index);
}

/// YOLOv5's own way: x = (2 s(tx) - 0.5 + column) * stride, w = (2 s(tw))^2 * anchor.
TEST(RawLevels, AreDecodedWithTheirAnchors) {
  for (const bool activated : {false, true}) {
    for (const bool channels_first : {false, true}) {
      std::vector<NamedTensor> outputs;
      // The coarsest first: they are put in order by their size.
      for (const int64_t side : {20, 40, 80}) {
        Tensor level =
            zeros(channels_first ? Shape{1, 21, side, side} : Shape{1, 3, side, side, 7}, activated ? 0.0f : -8.0f);
        if (side == 40) {
          // Anchor 1 of the middle level (62 x 45) at column 7, row 5.
          const float probabilities[] = {0.6f, 0.3f, 0.5f, 0.7f, 0.9f, 0.1f, 0.8f};
          for (int64_t c = 0; c < 7; ++c) {
            const int64_t at = channels_first ? ((7 + c) * 40 + 5) * 40 + 7 : ((40 + 5) * 40 + 7) * 7 + c;
            level.mutable_data<float>()[at] = activated ? probabilities[c] : logit(probabilities[c]);
          }
        }
        outputs.emplace_back("level", std::move(level));
      }
      const FoundBoxes found = read_heads(outputs, {.classes = 2});
      ASSERT_EQ(found.boxes.size(), 1u);
      EXPECT_FALSE(found.finished);
      const float x = (0.6f * 2 - 0.5f + 7) * 16, y = (0.3f * 2 - 0.5f + 5) * 16, w = 62, h = 1.4f * 1.4f * 45;
      expect_box(found.boxes[0], x - w / 2, y - h / 2, x + w / 2, y + h / 2, 0.72f, 1);
    }
  }
}

TEST(RawLevels, NeedAnchorsThatFit) {
  const std::vector<NamedTensor> two{{"a", zeros({1, 2, 4, 4, 7})}, {"b", zeros({1, 2, 2, 2, 7})}};
  EXPECT_THROW(read_heads(two, {}), Error);
  EXPECT_THROW(read_heads(two, {.anchors = {1, 2, 3}}), Error);
  EXPECT_THROW(read_heads(two, {.anchors = {1, 2, 3, 4}}), Error);
  EXPECT_TRUE(read_heads(two, {.anchors = {1, 2, 3, 4, 5, 6, 7, 8}}).boxes.empty());
  EXPECT_THROW(read_heads(two, {.classes = 3, .anchors = {1, 2, 3, 4, 5, 6, 7, 8}}), Error);
}

TEST(Detr, TakesSoftmaxOrSigmoid) {
  Tensor logits = zeros({1, 3, 4}), boxes = zeros({1, 3, 4});
  const float row[] = {1, 3, 0, -1}, box[] = {0.5f, 0.25f, 0.2f, 0.1f};
  std::copy_n(row, 4, logits.mutable_data<float>() + 4);
  std::copy_n(box, 4, boxes.mutable_data<float>() + 4);
  const std::vector<NamedTensor> outputs{{"logits", logits}, {"pred_boxes", boxes}};
  HeadSettings settings{.width = 800, .height = 400, .score_threshold = 0.6f};
  FoundBoxes found = read_heads(outputs, settings);
  ASSERT_EQ(found.boxes.size(), 1u);
  EXPECT_TRUE(found.finished);
  const float sum = std::exp(1.0f) + std::exp(3.0f) + 1 + std::exp(-1.0f);
  expect_box(found.boxes[0], 320, 80, 480, 120, std::exp(3.0f) / sum, 1);
  settings.classes = 4;  // as many as logits
  found = read_heads(outputs, settings);
  ASSERT_EQ(found.boxes.size(), 1u);
  EXPECT_NEAR(found.boxes[0].score, 1 / (1 + std::exp(-3.0f)), 1e-5);
  settings.logits = LogitKind::softmax;
  EXPECT_THROW(read_heads(outputs, settings), Error);
}

TEST(Ssd, ListsAreFoundByTheirShapesAndNames) {
  const Tensor corners = list({1, 3, 4}, {0.1f, 0.2f, 0.3f, 0.4f, 0, 0, 1, 1, 0.5f, 0.5f, 0.6f, 0.6f});
  const Tensor scores = list({1, 3}, {0.9f, 0.8f, 0.1f});
  const Tensor labels = Tensor::from<int64_t>({1, 3}, std::vector<int64_t>{4, 0, 2});
  const HeadSettings settings{.width = 100, .height = 200};
  FoundBoxes found = read_heads({{"bboxes", corners}, {"labels", labels}, {"scores", scores}}, settings);
  ASSERT_EQ(found.boxes.size(), 2u);
  expect_box(found.boxes[0], 10, 40, 30, 80, 0.9f, 4);
  // As TensorFlow has it: rows first, classes as floats, and how many there are.
  found = read_heads({{"num_detections", list({1}, {1})},
                      {"detection_scores", scores},
                      {"detection_classes", list({1, 3}, {4, 0, 2})},
                      {"detection_boxes", corners}},
                     settings);
  ASSERT_EQ(found.boxes.size(), 1u);
  expect_box(found.boxes[0], 20, 20, 40, 60, 0.9f, 4);
  // Pixels, as torchvision has it.
  found = read_heads({{"boxes", list({2, 4}, {10, 20, 30, 40, 1, 2, 3, 4})},
                      {"labels", Tensor::from<int64_t>({2}, std::vector<int64_t>{1, -3})},
                      {"scores", list({2}, {0.5f, 0.9f})}},
                     settings);
  ASSERT_EQ(found.boxes.size(), 1u);
  expect_box(found.boxes[0], 10, 20, 30, 40, 0.5f, 1);
}

TEST(Heads, OtherListsOfBoxes) {
  // RT-DETR in one output, told from YOLOv5 by the number of names.
  Tensor rows = zeros({1, 300, 7});
  const float row[] = {0.5f, 0.5f, 0.2f, 0.2f, 0.1f, 0.7f, 0};
  std::copy_n(row, 7, rows.mutable_data<float>() + 7 * 5);
  FoundBoxes found = read_heads({{"y", rows}}, {.width = 100, .height = 200, .classes = 3});
  ASSERT_EQ(found.boxes.size(), 1u);
  expect_box(found.boxes[0], 40, 80, 60, 120, 0.7f, 1);
  found = read_heads({{"y", list({1, 7}, {0, 1, 2, 3, 4, 5, 0.9f})}}, {});
  ASSERT_EQ(found.boxes.size(), 1u);
  expect_box(found.boxes[0], 1, 2, 3, 4, 0.9f, 5);
  EXPECT_TRUE(read_heads({{"y", zeros({0, 7})}}, {}).boxes.empty());
}

TEST(Heads, SayWhichFormsAreKnown) {
  for (const std::vector<NamedTensor>& outputs :
       std::vector<std::vector<NamedTensor>>{{},
                                             {{"y", zeros({1, 10})}},
                                             {{"y", zeros({2, 84, 8400})}},
                                             {{"a", zeros({1, 5, 4})}, {"b", zeros({1, 3, 9})}}}) {
    try {
      read_heads(outputs, {});
      ADD_FAILURE() << "nothing was thrown";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("DETR's logits"), std::string::npos) << error.what();
    }
  }
}

/// Networks with other heads, end to end: what is not a number or far away is left out.
TEST(Heads, StrangeNumbersAreNoBoxes) {
  const float far = std::numeric_limits<float>::infinity();
  const Tensor corners = list({1, 2, 4}, {NAN, 0, 1, 1, 0, 0, far, 1});
  const Tensor labels = Tensor::from<int64_t>({1, 2}, std::vector<int64_t>{1, 2});
  EXPECT_TRUE(
      read_heads({{"boxes", corners}, {"labels", labels}, {"scores", list({1, 2}, {0.9f, 0.9f})}}, {}).boxes.empty());
}

TEST(Overlap, IsTheSameOnEveryInstructionSet) {
  std::mt19937 random(6);
  std::uniform_real_distribution<float> place(0, 100), side(1, 40);
  std::vector<Isa> isas{Isa::portable};
  if (best_isa_of(cpu_features()) != Isa::portable) isas.push_back(Isa::avx2);
  for (size_t count = 0; count < 40; ++count) {
    std::vector<Detection> boxes;
    BoxBlocks blocks;
    for (size_t i = 0; i < count; ++i) {
      const float x = place(random), y = place(random);
      boxes.push_back({x, y, x + side(random), y + side(random), 0, 0});
      blocks.add(boxes.back());
    }
    for (int trial = 0; trial < 50; ++trial) {
      const float x = place(random), y = place(random);
      const float box[] = {x, y, x + side(random), y + side(random)};
      bool wanted = false;
      for (const Detection& other : boxes) {
        const float w = std::min(box[2], other.right) - std::max(box[0], other.left);
        const float h = std::min(box[3], other.bottom) - std::max(box[1], other.top);
        const float own = (box[2] - box[0]) * (box[3] - box[1]);
        const float area = (other.right - other.left) * (other.bottom - other.top);
        wanted = wanted || (w > 0 && h > 0 && w * h > 0.3f * (area + own - w * h));
      }
      for (const Isa isa : isas) EXPECT_EQ(overlaps_any(isa)(blocks.data(), blocks.blocks(), box, 0.3f), wanted);
    }
  }
}

}  // namespace
}  // namespace kiln::vision
