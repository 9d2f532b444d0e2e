#include "kiln/vision/preprocess.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>

#include "base/cpu.hpp"
#include "kiln/error.hpp"
#include "vision/pixels/pixel_table.hpp"

namespace kiln::vision {
namespace {

Picture load(const std::string& name) {
  return Picture::load(std::string(KILN_TESTS_DIR) + "/vision/pictures/" + name + ".png");
}

int difference(const Picture& a, const Picture& b) {
  EXPECT_EQ(a.width(), b.width());
  EXPECT_EQ(a.height(), b.height());
  if (a.pixels().size() != b.pixels().size()) return 255;
  int largest = 0;
  for (size_t i = 0; i < a.pixels().size(); ++i) largest = std::max(largest, std::abs(a.pixels()[i] - b.pixels()[i]));
  return largest;
}

std::vector<Isa> usable_isas() {
  std::vector<Isa> list{Isa::portable};
  if (best_isa_of(cpu_features()) != Isa::portable) list.push_back(Isa::avx2);
  return list;
}

class UseIsa {
 public:
  explicit UseIsa(Isa isa) { isa_knob.set(isa == Isa::portable ? IsaChoice::portable : IsaChoice::avx2); }
  ~UseIsa() { isa_knob.set(IsaChoice::automatic); }
};

TEST(Resize, GivesTheLevelsOfOpenCv) {
  const Picture source = load("source");
  for (const Isa isa : usable_isas()) {
    const UseIsa use(isa);
    for (const auto& [width, height] : std::vector<std::pair<int64_t, int64_t>>{
             {97, 61}, {48, 30}, {33, 17}, {194, 122}, {250, 40}, {1, 1}, {40, 200}}) {
      const std::string name = "resized_" + std::to_string(width) + "x" + std::to_string(height);
      EXPECT_LE(difference(resize(source, width, height), load(name)), 1) << name << " " << isa_name(isa);
    }
  }
}

TEST(Resize, OfEverySizeIsTheSameOnEveryInstructionSet) {
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) {
    const auto side = [&] { return static_cast<int64_t>(random() % 70 + 1); };
    Picture picture(side(), side());
    for (int64_t y = 0; y < picture.height(); ++y) {
      for (int64_t x = 0; x < 3 * picture.width(); ++x) picture.row(y)[x] = static_cast<uint8_t>(random());
    }
    const int64_t width = side(), height = side();
    std::vector<Picture> results;
    for (const Isa isa : usable_isas()) {
      const UseIsa use(isa);
      results.push_back(resize(picture, width, height));
    }
    for (const Picture& result : results) EXPECT_EQ(difference(result, results[0]), 0);
  }
}

TEST(Prepare, IsResizeAndNormalisationInOne) {
  const Picture source = load("source");
  for (const Isa isa : usable_isas()) {
    const UseIsa use(isa);
    for (const Fit fit : {Fit::stretch, Fit::letterbox, Fit::corner}) {
      const InputFormat format{.width = 75,
                               .height = 64,
                               .fit = fit,
                               .bgr = fit == Fit::corner,
                               .mean = {0.1f, 0.2f, 0.3f},
                               .deviation = {0.5f, 0.6f, 0.7f},
                               .fill = 7};
      Tensor batch(DType::f32, {2, 3, 64, 75});
      const Placement placement = prepare_into(batch, 1, source, format);
      const PlacedRectangle placed = fit_into(source.width(), source.height(), format);
      const Picture resized = resize(source, placed.width, placed.height);
      EXPECT_EQ(placement.left, static_cast<double>(placed.left));
      EXPECT_NEAR(placement.picture_x(static_cast<double>(placed.left + placed.width)), 97, 1e-9);
      for (int64_t c = 0; c < 3; ++c) {
        for (int64_t y = 0; y < 64; ++y) {
          for (int64_t x = 0; x < 75; ++x) {
            const int64_t px = x - placed.left, py = y - placed.top;
            const bool inside = px >= 0 && py >= 0 && px < placed.width && py < placed.height;
            const int level = inside ? resized.row(py)[3 * px + (format.bgr ? 2 - c : c)] : 7;
            const auto colour = static_cast<size_t>(c);
            const double wanted = (level / 255.0 - format.mean[colour]) / format.deviation[colour];
            ASSERT_NEAR(batch.data<float>()[((3 + c) * 64 + y) * 75 + x], wanted, 1e-5) << c << " " << y << " " << x;
          }
        }
      }
    }
  }
}

TEST(Prepare, RefusesWhatDoesNotFit) {
  const Picture source = load("source");
  const InputFormat format{.width = 8, .height = 8};
  Tensor small(DType::f32, {1, 3, 8, 7}), bytes(DType::u8, {1, 3, 8, 8}), good(DType::f32, {1, 3, 8, 8});
  EXPECT_THROW(prepare_into(small, 0, source, format), Error);
  EXPECT_THROW(prepare_into(bytes, 0, source, format), Error);
  EXPECT_THROW(prepare_into(good, 1, source, format), Error);
  EXPECT_THROW(prepare_into(good, 0, Picture(), format), Error);
  EXPECT_THROW(resize(source, 0, 5), Error);
  EXPECT_THROW(prepare_into(good, 0, source, {.width = 8, .height = 8, .deviation = {0, 1, 1}}), Error);
}

TEST(Fit, PutsTheOddPixelRightAndBelow) {
  const PlacedRectangle wide = fit_into(1920, 1080, {.width = 640, .height = 641});
  EXPECT_EQ(wide.height, 360);
  EXPECT_EQ(wide.top, 140);
  EXPECT_EQ(fit_into(1000, 1, {.width = 64, .height = 64}).height, 1);
}

TEST(Warp, SeesWhatOpenCvSees) {
  const Picture source = load("source");
  const Projection places =
      projection_between({{{0, 0}, {70, 0}, {70, 40}, {0, 40}}}, {{{12, 9}, {80, 14}, {76, 50}, {8, 41}}});
  EXPECT_LE(
      difference(warp(source, places, 70, 40, {.sampling = Sampling::cubic, .replicate = true}), load("seen_cubic")),
      1);
  EXPECT_LE(difference(warp(source, places, 70, 40), load("seen_linear")), 1);
  const Projection affine{0.9, 0.2, -3.3, -0.15, 1.1, 2.7, 0, 0, 1};
  const Picture warped = warp(source, affine, 97, 61);
  EXPECT_LE(difference(warped, load("affine")), 1);

  Tensor batch(DType::f32, {1, 3, 61, 97});
  warp_into(batch, 0, source, affine, {.width = 97, .height = 61, .bgr = true, .range = 1});
  EXPECT_EQ(batch.data<float>()[5 * 97 + 11], warped.row(5)[3 * 11 + 2]);
}

TEST(Warp, OfEveryKindIsTheSameOnEveryInstructionSet) {
  std::mt19937 random(8);
  std::uniform_real_distribution<double> turn(-1.5, 1.5), shift(-60, 90);
  for (int i = 0; i < 200; ++i) {
    Picture picture(static_cast<int64_t>(random() % 90 + 1), static_cast<int64_t>(random() % 90 + 1));
    for (int64_t y = 0; y < picture.height(); ++y) {
      for (int64_t x = 0; x < 3 * picture.width(); ++x) picture.row(y)[x] = static_cast<uint8_t>(random());
    }
    Projection places{turn(random), turn(random), shift(random), turn(random), turn(random), shift(random), 0, 0, 1};
    if (i % 4 == 0) places = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    if (i % 4 == 1) places[3] = places[1] = 0;
    std::vector<Picture> results;
    for (const Isa isa : usable_isas()) {
      const UseIsa use(isa);
      results.push_back(warp(picture, places, 83, 61, {.replicate = i % 2 == 0, .fill = 30}));
    }
    for (const Picture& result : results) ASSERT_LE(difference(result, results[0]), 1) << i;
  }
}

TEST(Warp, RefusesCornersOnALine) {
  EXPECT_THROW(projection_between({{{0, 0}, {1, 0}, {2, 0}, {3, 0}}}, {{{0, 0}, {1, 0}, {1, 1}, {0, 1}}}), Error);
  EXPECT_EQ(warp(load("source"), {0, 0, 0, 0, 0, 0, 0, 0, 0}, 4, 4).width(), 4);
  EXPECT_EQ(warp(load("source"), {1e300, 0, 0, 0, 1e300, 0, 0, 0, 1}, 4, 4).width(), 4);
}

}  // namespace
}  // namespace kiln::vision
