// Classification, segmentation and embedding, with networks of a few nodes whose answers are known.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "kiln/error.hpp"
#include "kiln/vision.hpp"
#include "vision/classify/probabilities.hpp"
#include "vision/segment/class_map.hpp"

namespace kiln::vision {
namespace {

constexpr Levels plain_levels{};

/// Left half red, right half green, with a little blue everywhere.
Picture halves(int64_t width, int64_t height) {
  Picture picture(width, height);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      uint8_t* pixel = picture.row(y) + 3 * x;
      pixel[x < width / 2 ? 0 : 1] = 200;
      pixel[2] = 10;
    }
  }
  return picture;
}

/// The mean of each colour, as [1, 3].
Session mean_colours() {
  GraphBuilder b;
  b.output(b.flatten(b.global_average_pool(b.input("x", DType::f32, {1, 3, 16, 16}))), "scores");
  return Session(b.model());
}

/// A model whose output is the picture itself: a map of three classes.
Session echo(int64_t height, int64_t width) {
  GraphBuilder b;
  b.output(b.op("Relu", {b.input("x", DType::f32, {1, 3, height, width})}), "y");
  return Session(b.model());
}

std::string text_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(Classifier, GivesTheBestAsProbabilities) {
  Classifier classifier(mean_colours(), {.most = 2, .levels = plain_levels, .names = {"red", "green", "blue"}});
  Picture picture = halves(40, 30);
  for (int64_t y = 0; y < 30; ++y) picture.row(y)[3 * 20] = 255;
  Times times;
  const std::vector<ClassScore> found = classifier.classify(picture, &times);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(classifier.name_of(found[0].class_index), "red");
  EXPECT_EQ(classifier.name_of(found[1].class_index), "green");
  EXPECT_GT(found[0].score, found[1].score);
  EXPECT_LT(found[0].score + found[1].score, 1);
  EXPECT_GT(times.network, 0);
}

TEST(Classifier, SaysWhatItKnows) {
  EXPECT_NE(text_of([] { Classifier(echo(4, 4)).classify(halves(8, 8)); }).find("scores f32[1,classes]"),
            std::string::npos);
  EXPECT_NE(text_of([] { Classifier(mean_colours(), {.names = {"a"}}).classify(halves(8, 8)); }).find("named"),
            std::string::npos);
  text_of([] { Classifier(mean_colours(), {.most = 0}); });
  text_of([] { Classifier(mean_colours(), {.crop = 0}); });
  text_of([] { Classifier(mean_colours()).classify(Picture()); });
}

TEST(Probabilities, AreSoftmaxUnlessTheyAreAlready) {
  const std::vector<float> already{0.25f, 0.75f}, scores{1, 2, 3};
  EXPECT_EQ(to_probabilities(already), already);
  const std::vector<float> soft = to_probabilities(scores);
  EXPECT_NEAR(soft[2], std::exp(3.0) / (std::exp(1.0) + std::exp(2.0) + std::exp(3.0)), 1e-6);
  const std::vector<float> strange = to_probabilities(std::vector<float>{NAN, INFINITY, -INFINITY});
  EXPECT_EQ(strange[1], 1);
  EXPECT_EQ(strange[0], 0);
}

TEST(Segmenter, IsAsLargeAsThePicture) {
  for (const Fit fit : {Fit::stretch, Fit::letterbox, Fit::corner}) {
    Segmenter segmenter(echo(32, 32), {.levels = plain_levels, .fit = fit});
    Picture picture = halves(120, 70);
    const Segmentation found = segmenter.segment(picture);
    ASSERT_EQ(found.width, 120);
    ASSERT_EQ(found.height, 70);
    for (int64_t y = 0; y < 70; ++y) {
      for (int64_t x = 0; x < 120; ++x) {
        if (std::abs(x - 60) <= 2) continue;
        ASSERT_EQ(found.class_at(x, y), x < 60 ? 0 : 1) << x << " " << y;
      }
    }
    draw_segmentation(picture, found, 1);
    EXPECT_EQ(picture.row(5)[0], 200);
    const Colour colour = colour_of(0);
    EXPECT_EQ(picture.row(5)[3 * 110], colour.red);
    EXPECT_EQ(picture.row(5)[3 * 110 + 1], colour.green);
  }
}

TEST(Segmenter, TakesTheBestOfMixedScores) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> score(-3, 3);
  for (const int64_t classes : {2, 5}) {
    std::vector<float> scores(static_cast<size_t>(classes * 6 * 7));
    for (float& value : scores) value = score(random);
    const MapTaps rows(31, 6.0 / 31, 0, 6), columns(23, 7.0 / 23, 0, 7);
    Segmentation found{23, 31, std::vector<uint16_t>(23 * 31)};
    best_classes(scores.data(), classes, 6, 7, rows, columns, 0.5f, found);
    for (int64_t y = 0; y < 31; ++y) {
      for (int64_t x = 0; x < 23; ++x) {
        const double py = std::clamp((y + 0.5) * 6 / 31 - 0.5, 0.0, 5.0),
                     px = std::clamp((x + 0.5) * 7 / 23 - 0.5, 0.0, 6.0);
        const auto mixed = [&](int64_t c) {
          const auto at = [&](int64_t j, int64_t i) {
            return double{scores[static_cast<size_t>((c * 6 + std::min<int64_t>(j, 5)) * 7 + std::min<int64_t>(i, 6))]};
          };
          const auto j = static_cast<int64_t>(py), i = static_cast<int64_t>(px);
          const double b = py - static_cast<double>(j), r = px - static_cast<double>(i);
          return (at(j, i) * (1 - r) + at(j, i + 1) * r) * (1 - b) +
                 (at(j + 1, i) * (1 - r) + at(j + 1, i + 1) * r) * b;
        };
        for (int64_t c = 0; c < classes; ++c) ASSERT_LE(mixed(c), mixed(found.class_at(x, y)) + 1e-5);
      }
    }
  }
}

TEST(Segmenter, OneClassIsAMask) {
  const std::vector<float> scores{-2, 2}, probabilities{0.2f, 0.6f};
  const MapTaps rows(1, 1, 0, 1), columns(2, 1, 0, 2);
  for (const auto& [values, threshold, wanted] : std::vector<std::tuple<std::vector<float>, float, uint16_t>>{
           {scores, 0.5f, 1}, {scores, 0.9f, 0}, {probabilities, 0.5f, 1}, {probabilities, 0.7f, 0}}) {
    Segmentation found{2, 1, {7, 7}};
    best_classes(values.data(), 1, 1, 2, rows, columns, threshold, found);
    EXPECT_EQ(found.classes, (std::vector<uint16_t>{0, wanted}));
  }
}

TEST(Segmenter, TakesClassesAsIntegers) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {1, 3, 20, 20});
  b.output(b.op("ArgMax", {x}, {{"axis", 1}, {"keepdims", 0}}), "y");
  Segmenter segmenter(Session(b.model()), {.levels = plain_levels});
  const Segmentation found = segmenter.segment(halves(50, 50));
  EXPECT_EQ(found.class_at(3, 20), 0);
  EXPECT_EQ(found.class_at(45, 20), 1);

  EXPECT_NE(text_of([] { Segmenter(mean_colours()).segment(halves(8, 8)); }).find("classes,height,width"),
            std::string::npos);
  text_of([] { Segmenter(mean_colours(), {.threshold = 1}); });
  Picture small(3, 3);
  text_of([&] { draw_segmentation(small, found); });
}

TEST(Embedder, GivesAVectorOfLengthOne) {
  Embedder pooled(mean_colours(), {.levels = plain_levels}), maps(echo(16, 16), {.levels = plain_levels});
  const std::vector<float> a = pooled.embed(halves(64, 64)), b = maps.embed(halves(64, 64));
  ASSERT_EQ(a.size(), 3u);
  ASSERT_EQ(b.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(a[i], b[i], 1e-5);
  EXPECT_NEAR(similarity(a, a), 1, 1e-6);
  EXPECT_NEAR(a[0] * a[0] + a[1] * a[1] + a[2] * a[2], 1, 1e-6);
  EXPECT_EQ(similarity(a, std::vector<float>(3)), 0);
  text_of([&] { similarity(a, std::vector<float>(4)); });
}

TEST(FindSimilar, SortsByTheAngle) {
  const std::vector<std::vector<float>> vectors{{0, 1}, {1, 0}, {3, 3}, {-1, 0}, {1, 0}};
  const std::vector<Similar> found = find_similar(std::vector<float>{2, 0.5f}, vectors, 3);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].index, 1u);
  EXPECT_EQ(found[1].index, 4u);
  EXPECT_EQ(found[2].index, 2u);
  EXPECT_TRUE(find_similar(std::vector<float>{1}, {}, 3).empty());
}

}  // namespace
}  // namespace kiln::vision
