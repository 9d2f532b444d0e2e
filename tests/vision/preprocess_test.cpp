#include "kiln/vision/preprocess.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
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
  const Isa best = best_isa_of(cpu_features());
  if (best != Isa::portable) list.push_back(Isa::avx2);
  if (best == Isa::avx512) list.push_back(Isa::avx512);
  return list;
}

class UseIsa {
 public:
  explicit UseIsa(Isa isa) {
    isa_knob.set(isa == Isa::portable ? IsaChoice::portable : isa == Isa::avx2 ? IsaChoice::avx2 : IsaChoice::avx512);
  }
  UseIsa(const UseIsa&) = delete;
  UseIsa& operator=(const UseIsa&) = delete;
  ~UseIsa() { isa_knob.set(IsaChoice::automatic); }
};

/// A picture between pages that must not be touched: its last byte is the last of a page, or its first the first.
class GuardedPicture {
 public:
  GuardedPicture(int64_t width, int64_t height, int64_t stride, bool at_end) {
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    const auto bytes = static_cast<size_t>((height - 1) * stride + 3 * width);
    const size_t inner = (bytes + page - 1) / page * page;
    size_ = inner + 2 * page;
    memory_ = ::mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* const first = static_cast<uint8_t*>(memory_) + page;
    EXPECT_EQ(::mprotect(first, inner, PROT_READ | PROT_WRITE), 0);
    pixels_ = at_end ? first + inner - bytes : first;
    view_ = {pixels_, width, height, stride};
  }
  GuardedPicture(const GuardedPicture&) = delete;
  GuardedPicture& operator=(const GuardedPicture&) = delete;
  ~GuardedPicture() { ::munmap(memory_, size_); }

  void fill(std::mt19937& random, bool extreme) {
    for (int64_t y = 0; y < view_.height; ++y) {
      for (int64_t x = 0; x < 3 * view_.width; ++x) {
        pixels_[y * view_.stride + x] = static_cast<uint8_t>(extreme ? 255 * (random() & 1) : random());
      }
    }
  }
  const PictureView& view() const { return view_; }

 private:
  void* memory_;
  size_t size_;
  uint8_t* pixels_;
  PictureView view_;
};

/// Pictures of every size with something beside their rows, of levels or of black and white.
std::unique_ptr<GuardedPicture> random_picture(std::mt19937& random, int64_t longest) {
  const auto side = [&] { return static_cast<int64_t>(random()) % longest + 1; };
  const int64_t width = side(), height = side();
  auto picture = std::make_unique<GuardedPicture>(width, height, 3 * width + static_cast<int64_t>(random() % 3 * 7),
                                                  random() % 2 == 0);
  picture->fill(random, random() % 2 == 0);
  return picture;
}

double level_at(const PictureView& picture, int64_t x, int64_t y, int64_t colour) {
  return picture.row(
      std::clamp<int64_t>(y, 0, picture.height - 1))[3 * std::clamp<int64_t>(x, 0, picture.width - 1) + colour];
}

/// Bilinear between exact places, the nearest pixels going on around the picture.
double exact_level(const PictureView& picture, double x, double y, int64_t colour) {
  const double left = std::floor(x), top = std::floor(y);
  const auto column = static_cast<int64_t>(left), row = static_cast<int64_t>(top);
  const auto across = [&](int64_t at) {
    return level_at(picture, column, at, colour) * (1 - (x - left)) +
           level_at(picture, column + 1, at, colour) * (x - left);
  };
  return across(row) * (1 - (y - top)) + across(row + 1) * (y - top);
}

TEST(Resize, GivesTheLevelsOfOpenCv) {
  const Picture source = load("source"), noise = load("noise");
  for (const Isa isa : usable_isas()) {
    const UseIsa use(isa);
    for (const auto& [width, height] : std::vector<std::pair<int64_t, int64_t>>{
             {97, 61}, {48, 30}, {33, 17}, {194, 122}, {250, 40}, {1, 1}, {40, 200}}) {
      const std::string name = "resized_" + std::to_string(width) + "x" + std::to_string(height);
      EXPECT_LE(difference(resize(source, width, height), load(name)), 1) << name << " " << isa_name(isa);
    }
    for (const auto& [width, height] : std::vector<std::pair<int64_t, int64_t>>{
             {50, 33}, {20, 13}, {25, 16}, {37, 60}, {230, 90}, {100, 33}, {31, 66}}) {
      const std::string name = "noise_" + std::to_string(width) + "x" + std::to_string(height);
      EXPECT_LE(difference(resize(noise, width, height), load(name)), 1) << name << " " << isa_name(isa);
    }
  }
}

TEST(Resize, OfEverySizeIsExactAndTheSameOnEveryInstructionSet) {
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    const auto source = random_picture(random, i % 3 == 0 ? 400 : 70);
    const PictureView& picture = source->view();
    int64_t width = static_cast<int64_t>(random() % 90) + 1, height = static_cast<int64_t>(random() % 20) + 1;
    if (i % 5 == 0) width = std::max<int64_t>(1, picture.width / (i % 4 + 1));
    if (i % 10 == 0) height = std::max<int64_t>(1, picture.height / (i % 4 + 1));
    std::vector<Picture> results;
    for (const Isa isa : usable_isas()) {
      const UseIsa use(isa);
      results.push_back(resize(picture, width, height));
      ASSERT_EQ(difference(results.back(), results[0]), 0) << isa_name(isa) << " " << i;
    }
    const double step_x = static_cast<double>(picture.width) / static_cast<double>(width);
    const double step_y = static_cast<double>(picture.height) / static_cast<double>(height);
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        for (int64_t c = 0; c < 3; ++c) {
          const double wanted = exact_level(picture, (static_cast<double>(x) + 0.5) * step_x - 0.5,
                                            (static_cast<double>(y) + 0.5) * step_y - 0.5, c);
          ASSERT_NEAR(results[0].row(y)[3 * x + c], wanted, 1) << i << " " << x << " " << y;
        }
      }
    }
  }
}

TEST(Resize, HalvesAsItResizes) {
  std::mt19937 random(4);
  for (const int64_t width : {1, 7, 8, 15, 16, 17, 40, 61}) {
    GuardedPicture source(2 * width, 6, 6 * width, true);
    source.fill(random, false);
    for (const Isa isa : usable_isas()) {
      const UseIsa use(isa);
      const Picture half = resize(source.view(), width, 3);
      for (int64_t y = 0; y < 3; ++y) {
        for (int64_t x = 0; x < 3 * width; ++x) {
          const auto at = [&](int64_t dx, int64_t dy) {
            return static_cast<int>(level_at(source.view(), 2 * (x / 3) + dx, 2 * y + dy, x % 3));
          };
          ASSERT_EQ(half.row(y)[x], (at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4);
        }
      }
    }
  }
}

TEST(Prepare, GivesTheSameNumbersOnEveryInstructionSet) {
  std::mt19937 random(5);
  for (int i = 0; i < 150; ++i) {
    const auto source = random_picture(random, 120);
    const PictureView& picture = source->view();
    InputFormat format{.width = static_cast<int64_t>(random() % 90) + 1,
                       .height = static_cast<int64_t>(random() % 40) + 1,
                       .fit = i % 3 == 0 ? Fit::stretch : Fit::letterbox,
                       .bgr = i % 2 == 0,
                       .mean = {0.485f, 0.456f, 0.406f},
                       .deviation = {0.229f, 0.224f, 0.225f}};
    if (i % 5 == 0) format.width = picture.width, format.height = picture.height;
    std::vector<Tensor> results;
    for (const Isa isa : usable_isas()) {
      const UseIsa use(isa);
      results.emplace_back(DType::f32, Shape{1, 3, format.height, format.width});
      prepare_into(results.back(), 0, picture, format);
      ASSERT_TRUE(std::ranges::equal(std::span(results[0].data<float>(), static_cast<size_t>(results[0].size())),
                                     std::span(results.back().data<float>(), static_cast<size_t>(results[0].size()))))
          << isa_name(isa) << " " << i;
    }
    const PlacedRectangle placed = fit_into(picture.width, picture.height, format);
    const Picture resized = resize(picture, placed.width, placed.height);
    const int64_t x = static_cast<int64_t>(random()) % placed.width, y = static_cast<int64_t>(random()) % placed.height;
    for (int64_t c = 0; c < 3; ++c) {
      const auto colour = static_cast<size_t>(c);
      const int level = resized.row(y)[3 * x + (format.bgr ? 2 - c : c)];
      const double wanted = (level / 255.0 - format.mean[colour]) / format.deviation[colour];
      const int64_t at = (c * format.height + y + placed.top) * format.width + x + placed.left;
      ASSERT_NEAR(results[0].data<float>()[at], wanted, 1e-5) << i;
    }
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
  const Picture source = load("source"), noise = load("noise");
  const Projection places =
      projection_between({{{0, 0}, {70, 0}, {70, 40}, {0, 40}}}, {{{12, 9}, {80, 14}, {76, 50}, {8, 41}}});
  const Projection affine{0.9, 0.2, -3.3, -0.15, 1.1, 2.7, 0, 0, 1};
  const WarpOptions cubic{.sampling = Sampling::cubic, .replicate = true};
  for (const Isa isa : usable_isas()) {
    const UseIsa use(isa);
    EXPECT_LE(difference(warp(source, places, 70, 40, cubic), load("seen_cubic")), 1) << isa_name(isa);
    EXPECT_LE(difference(warp(source, places, 70, 40), load("seen_linear")), 1) << isa_name(isa);
    const Picture warped = warp(source, affine, 97, 61);
    EXPECT_LE(difference(warped, load("affine")), 1) << isa_name(isa);
    EXPECT_LE(difference(warp(noise, affine, 97, 61), load("noise_affine")), 1) << isa_name(isa);
    EXPECT_LE(difference(warp(noise, places, 70, 40, cubic), load("noise_cubic")), 1) << isa_name(isa);

    Tensor batch(DType::f32, {1, 3, 61, 97});
    warp_into(batch, 0, source, affine, {.width = 97, .height = 61, .bgr = true, .range = 1});
    EXPECT_EQ(batch.data<float>()[5 * 97 + 11], warped.row(5)[3 * 11 + 2]);
  }
}

/// Bilinear as OpenCV has it, what is outside being `fill`.
double exact_level(const PictureView& picture, const WarpOptions& options, double x, double y, int64_t colour) {
  if (options.replicate) return exact_level(picture, x, y, colour);
  const double left = std::floor(x), top = std::floor(y);
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    const auto column = static_cast<int64_t>(left) + i % 2, row = static_cast<int64_t>(top) + i / 2;
    const bool seen = column >= 0 && row >= 0 && column < picture.width && row < picture.height;
    const double weight = (i % 2 ? x - left : 1 - (x - left)) * (i / 2 ? y - top : 1 - (y - top));
    sum += weight * (seen ? level_at(picture, column, row, colour) : options.fill);
  }
  return sum;
}

TEST(Warp, OfEveryKindIsExactAndMuchTheSameOnEveryInstructionSet) {
  std::mt19937 random(8);
  std::uniform_real_distribution<double> turn(-1.5, 1.5), shift(-60, 90);
  for (int i = 0; i < 400; ++i) {
    const auto source = random_picture(random, i % 3 == 0 ? 300 : 90);
    const PictureView& picture = source->view();
    Projection places{turn(random), turn(random), shift(random), turn(random), turn(random), shift(random), 0, 0, 1};
    if (i % 8 == 0) places = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    if (i % 8 == 1) places[3] = places[1] = 0;
    if (i % 8 == 2) places = {0.01 * places[0], 0, 3, 0, 0.02, 2.5, 0, 0, 1};
    const int64_t width = static_cast<int64_t>(random() % 600) + 1;
    const WarpOptions options{.replicate = i % 2 == 0, .fill = 30};
    std::vector<Picture> results;
    for (const Isa isa : usable_isas()) {
      const UseIsa use(isa);
      results.push_back(warp(picture, places, width, 21, options));
    }
    if (results.size() == 3) {
      ASSERT_EQ(difference(results[1], results[2]), 0) << i;
    }
    for (int64_t y = 0; y < 21; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const auto column = static_cast<double>(x), row = static_cast<double>(y);
        const double at_x = places[0] * column + places[1] * row + places[2];
        const double at_y = places[3] * column + places[4] * row + places[5];
        for (int64_t c = 0; c < 3; ++c) {
          const double wanted = exact_level(picture, options, at_x, at_y, c);
          for (const Picture& result : results) ASSERT_NEAR(result.row(y)[3 * x + c], wanted, 1.03) << i << " " << x;
        }
      }
    }
  }
}

TEST(Warp, CubicIsTheSameOnEveryInstructionSetAtEveryBorder) {
  std::mt19937 random(9);
  std::uniform_real_distribution<double> turn(-1.5, 1.5), shift(-30, 60), bend(-0.004, 0.004);
  for (int i = 0; i < 200; ++i) {
    const auto source = random_picture(random, 90);
    const Projection places{turn(random),  turn(random), shift(random), turn(random),          turn(random),
                            shift(random), bend(random), bend(random),  i % 9 == 0 ? 0.0 : 1.0};
    const int64_t width = static_cast<int64_t>(random() % 300) + 1;
    std::vector<Picture> results;
    for (const Isa isa : usable_isas()) {
      const UseIsa use(isa);
      results.push_back(
          warp(source->view(), places, width, 17, {.sampling = Sampling::cubic, .replicate = i % 2 == 0, .fill = 9}));
      ASSERT_EQ(difference(results.back(), results[0]), 0) << isa_name(isa) << " " << i;
    }
  }
}

TEST(Warp, CubicLeavesPixelsAndEvenGroundsAsTheyAre) {
  const Picture noise = load("noise");
  Picture gray(40, 30);
  for (int64_t y = 0; y < 30; ++y) std::fill_n(gray.row(y), 120, uint8_t{201});
  const WarpOptions cubic{.sampling = Sampling::cubic, .replicate = true};
  for (const Isa isa : usable_isas()) {
    const UseIsa use(isa);
    EXPECT_EQ(difference(warp(noise, {1, 0, 0, 0, 1, 0, 0, 0, 1}, 100, 66, cubic), noise), 0);
    EXPECT_EQ(difference(warp(gray, {0.77, 0.1, -3, 0.2, 0.9, 1, 0, 0, 1}, 40, 30, cubic), gray), 0);
  }
}

TEST(Warp, RefusesCornersOnALine) {
  EXPECT_THROW(projection_between({{{0, 0}, {1, 0}, {2, 0}, {3, 0}}}, {{{0, 0}, {1, 0}, {1, 1}, {0, 1}}}), Error);
  EXPECT_EQ(warp(load("source"), {0, 0, 0, 0, 0, 0, 0, 0, 0}, 4, 4).width(), 4);
  EXPECT_EQ(warp(load("source"), {1e300, 0, 0, 0, 1e300, 0, 0, 0, 1}, 4, 4).width(), 4);
}

}  // namespace
}  // namespace kiln::vision
