#include "kiln/vision/pose.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "kiln/error.hpp"
#include "vision/pose/decode.hpp"

namespace kiln::vision {
namespace {

struct Spot {
  double x, y;
};

/// Heat maps with a Gaussian of deviation 2 at each spot.
std::vector<float> maps_with(const std::vector<Spot>& spots, int64_t height, int64_t width) {
  std::vector<float> maps;
  for (const Spot& spot : spots) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const double away = std::pow(static_cast<double>(x) - spot.x, 2) + std::pow(static_cast<double>(y) - spot.y, 2);
        maps.push_back(static_cast<float>(0.9 * std::exp(-away / 8)));
      }
    }
  }
  return maps;
}

std::vector<Spot> random_spots(size_t count, double width, double height, uint32_t seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> x(8, width - 8), y(8, height - 8);
  std::vector<Spot> spots;
  for (size_t i = 0; i < count; ++i) spots.push_back({x(random), y(random)});
  return spots;
}

TEST(HeatMaps, ArePlacedBetweenPixels) {
  const std::vector<Spot> spots = random_spots(40, 48, 64, 1);
  const std::vector<float> maps = maps_with(spots, 64, 48);
  const auto none = decode_heat_maps(maps.data(), 40, 64, 48, Refinement::none);
  const auto quarter = decode_heat_maps(maps.data(), 40, 64, 48, Refinement::quarter);
  const auto taylor = decode_heat_maps(maps.data(), 40, 64, 48, Refinement::taylor);
  for (size_t i = 0; i < spots.size(); ++i) {
    EXPECT_NEAR(none[i].x, spots[i].x, 0.501);
    EXPECT_NEAR(quarter[i].x, spots[i].x, 0.251);
    EXPECT_NEAR(quarter[i].y, spots[i].y, 0.251);
    EXPECT_NEAR(taylor[i].x, spots[i].x, 0.02);
    EXPECT_NEAR(taylor[i].y, spots[i].y, 0.02);
    EXPECT_GT(taylor[i].score, 0.8f);
  }
}

/// As it is written down: the largest level, and a quarter towards the larger neighbour.
TEST(HeatMaps, AreThoseOfAPlainDecoding) {
  std::mt19937 random(9);
  std::uniform_real_distribution<float> level(0, 1);
  std::vector<float> map(12 * 9);
  for (int i = 0; i < 200; ++i) {
    for (float& value : map) value = level(random);
    const size_t at = static_cast<size_t>(std::max_element(map.begin(), map.end()) - map.begin());
    double x = static_cast<double>(at % 9), y = static_cast<double>(at / 9);
    if (at % 9 > 0 && at % 9 < 8) x += map[at + 1] > map[at - 1] ? 0.25 : -0.25;
    if (at / 9 > 0 && at / 9 < 11) y += map[at + 9] > map[at - 9] ? 0.25 : -0.25;
    const Joint found = decode_heat_maps(map.data(), 1, 12, 9, Refinement::quarter)[0];
    ASSERT_NEAR(found.x, x, 1e-6);
    ASSERT_NEAR(found.y, y, 1e-6);
    ASSERT_EQ(found.score, map[at]);
    const Joint refined = decode_heat_maps(map.data(), 1, 12, 9, Refinement::taylor)[0];
    ASSERT_NEAR(refined.x, static_cast<double>(at % 9), 2);
  }
  const float flat[4] = {1, 1, 1, 1}, nothing[4] = {NAN, NAN, 3, NAN};
  EXPECT_EQ(decode_heat_maps(flat, 1, 2, 2, Refinement::taylor)[0].x, 0);
  EXPECT_EQ(decode_heat_maps(nothing, 1, 2, 2, Refinement::none)[0].y, 1);
}

/// A network that gives these tensors for any picture of that size.
Session fixed_answer(int64_t height, int64_t width, const std::vector<Tensor>& answers) {
  GraphBuilder b;
  const Var x = b.input("x", DType::f32, {1, 3, height, width});
  // What depends on the picture and is 0.
  const Var zero = b.op("ReduceMax", {b.mul(x, b.constant(Tensor::scalar(0.0f)))}, {{"keepdims", 0}});
  for (size_t i = 0; i < answers.size(); ++i) b.output(b.add(b.constant(answers[i]), zero), "y" + std::to_string(i));
  return Session(b.model());
}

TEST(Pose, HeatMapsGoBackToThePicture) {
  const std::vector<Spot> spots = random_spots(17, 48, 64, 3);
  const Tensor maps = Tensor::from<float>({1, 17, 64, 48}, maps_with(spots, 64, 48));
  Pose pose(fixed_answer(256, 192, {maps}), {.refinement = Refinement::taylor});
  // Higher than the network's proportions: its height counts.
  const Detection box{100, 50, 180, 290, 1, 0};
  const std::vector<Person> people = pose.find(Picture(400, 300), std::vector<Detection>{box, box});
  ASSERT_EQ(people.size(), 2u);
  const double scale = 240 * 1.25 / 256;
  for (size_t i = 0; i < spots.size(); ++i) {
    EXPECT_NEAR(people[1].joints[i].x, (spots[i].x * 4 - 96) * scale + 140, 0.1);
    EXPECT_NEAR(people[1].joints[i].y, (spots[i].y * 4 - 128) * scale + 170, 0.1);
  }
  EXPECT_EQ(pose.name_of(16), "right ankle");
  EXPECT_EQ(pose.skeleton(17).size(), 19u);
  EXPECT_TRUE(pose.skeleton(5).empty());
  Picture picture(400, 300);
  pose.draw(picture, people[0]);
  EXPECT_FALSE(std::ranges::equal(picture.pixels(), Picture(400, 300).pixels()));
}

TEST(Pose, SimCcIsTheBestOfEachAxis) {
  std::mt19937 random(4);
  std::uniform_real_distribution<float> level(-1, 1);
  Tensor x(DType::f32, {1, 26, 384}), y(DType::f32, {1, 26, 512}), z(DType::f32, {1, 26, 100});
  for (Tensor* axis : {&x, &y, &z}) {
    for (float& value : axis->mutable_elements<float>()) value = level(random);
  }
  Pose pose(fixed_answer(256, 192, {x, y, z}));
  const Person person = pose.find(Picture(192, 256));
  ASSERT_EQ(person.joints.size(), 26u);
  const auto best = [](const Tensor& axis, size_t joint) {
    const float* from = axis.data<float>() + static_cast<int64_t>(joint) * axis.shape()[2];
    return static_cast<double>(std::max_element(from, from + axis.shape()[2]) - from);
  };
  for (size_t k = 0; k < 26; ++k) {
    EXPECT_NEAR(person.joints[k].x, (best(x, k) / 2 - 96) * 1.25 + 96, 0.1);
    EXPECT_NEAR(person.joints[k].y, (best(y, k) / 2 - 128) * 1.25 + 128, 0.1);
    EXPECT_NEAR(person.joints[k].z, best(z, k) / 50 - 1, 1e-5);
  }
}

TEST(Pose, SaysWhatItKnows) {
  Pose wrong(fixed_answer(64, 64, {Tensor(DType::f32, {1, 17})}));
  try {
    wrong.find(Picture(10, 10));
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("heat maps f32[1,joints,height,width]"), std::string::npos);
  }
  EXPECT_THROW(wrong.find(Picture(10, 10), std::vector<Detection>{{5, 5, 5, 9, 1, 0}}), Error);
  EXPECT_THROW(wrong.find(Picture(10, 10), std::vector<Detection>{{NAN, 5, 7, 9, 1, 0}}), Error);
  EXPECT_THROW(wrong.find(Picture()), Error);
  EXPECT_THROW(Pose(fixed_answer(64, 64, {Tensor(DType::f32, {1, 17})}), {.padding = 0}), Error);
  EXPECT_TRUE(wrong.find(Picture(10, 10), std::vector<Detection>{}).empty());
}

}  // namespace
}  // namespace kiln::vision
