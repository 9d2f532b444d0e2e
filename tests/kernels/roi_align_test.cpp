#include "kernels/pool/roi_align.hpp"

#include "kernels/run_node.hpp"

namespace kiln::kernel_test {
namespace {

struct RoiCase {
  RoiAlignProblem problem;
  Tensor x, regions, images, expected;

  RoiAlignPointers pointers(float* out) const {
    return {x.data<float>(), regions.data<float>(), images.data<int64_t>(), out};
  }
};

/// Inside the image, partly outside, reversed, empty, and some far larger than it.
Tensor random_regions(Philox& rng, const RoiAlignProblem& p, float scale) {
  Tensor regions(DType::f32, {p.regions, 4});
  for (int64_t i = 0; i < regions.size(); ++i) {
    const auto size = static_cast<double>(i % 2 == 0 ? p.width : p.height);
    double at = (rng.uniform() * 1.6 - 0.3) * size;
    if (pick(rng, 0, 3) == 0) at = std::floor(at);
    if (pick(rng, 0, 30) == 0) at *= 1e6;
    if (i % 4 >= 2 && pick(rng, 0, 15) == 0) at = static_cast<double>(regions.data<float>()[i - 2] * scale);
    regions.mutable_data<float>()[i] = static_cast<float>(at) / scale;
  }
  return regions;
}

RoiCase random_case(Philox& rng) {
  RoiCase test;
  RoiAlignProblem& p = test.problem;
  constexpr int64_t opsets[] = {10, 16, 22}, ratios[] = {0, 0, 1, 2, 3, 9};
  constexpr float scales[] = {1, 0.25f, 0.3f};
  p.images = pick(rng, 1, 3), p.channels = pick(rng, 0, 4) == 0 ? pick(rng, 60, 140) : pick(rng, 1, 9);
  p.height = pick(rng, 1, 20), p.width = pick(rng, 1, 20);
  p.regions = pick(rng, 0, 6), p.rows = pick(rng, 1, 8), p.columns = pick(rng, 1, 8);
  p.how.takes_max = pick(rng, 0, 1) == 0;
  p.how.ratio = ratios[pick(rng, 0, 5)];
  p.how.scale = scales[pick(rng, 0, 2)];
  const int64_t opset = opsets[pick(rng, 0, 2)];
  p.how.shifts = opset > 10 && pick(rng, 0, 1) == 0;
  test.x = random_tensor(rng, {p.images, p.channels, p.height, p.width});
  test.regions = random_regions(rng, p, p.how.scale);
  test.images = Tensor(DType::i64, {p.regions});
  for (int64_t& image : test.images.mutable_elements<int64_t>()) image = pick(rng, 0, p.images - 1);
  Attributes attributes{{"mode", std::string(p.how.takes_max ? "max" : "avg")},
                        {"output_height", p.rows},
                        {"output_width", p.columns},
                        {"sampling_ratio", p.how.ratio},
                        {"spatial_scale", p.how.scale}};
  if (opset > 10) {
    const char* const transform = p.how.shifts ? "half_pixel" : "output_half_pixel";
    attributes.push_back({"coordinate_transformation_mode", std::string(transform)});
  }
  test.expected = run_node("RoiAlign", {test.x, test.regions, test.images}, attributes, 1, opset)[0];
  return test;
}

TEST(RoiAlign, EqualsTheReference) {
  Philox rng(131);
  for (int i = 0; i < 1000; ++i) {
    const RoiCase test = random_case(rng);
    const RoiAlign kernel(test.problem);
    std::vector<float> out = rubbish(test.expected.size() + 1);
    kernel.check(test.regions.data<float>(), test.images.data<int64_t>());
    run_parts(kernel, pick(rng, 1, 4), test.pointers(out.data()));
    // The largest is of the very same products.
    EXPECT_LE(worst_difference(out.data(), test.expected), test.problem.how.takes_max ? 0 : 1e-5)
        << i << " " << kernel.name() << " " << to_string(test.x.shape()) << " to " << to_string(test.expected.shape());
    EXPECT_EQ(out.back(), 1e9f);
  }
}

TEST(RoiAlign, RefusesWhatTheReferenceRefuses) {
  const Tensor x(DType::f32, {2, 1, 4, 4});
  int refused = 0;
  const auto compare = [&](bool shifts, const Tensor& region, int64_t image) {
    const RoiAlign kernel({.images = 2, .height = 4, .width = 4, .how = {.shifts = shifts}});
    const Tensor images = Tensor::vector<int64_t>({image});
    bool refuses = false, expected = false;
    try {
      kernel.check(region.data<float>(), images.data<int64_t>());
    } catch (const Error&) {
      refuses = true;
    }
    try {
      run_node("RoiAlign", {x, region, images}, {}, 1, shifts ? 16 : 10);
    } catch (const Error&) {
      expected = true;
    }
    EXPECT_EQ(refuses, expected) << "image " << image << ", " << region.data<float>()[0];
    refused += refuses;
  };
  for (const bool shifts : {false, true}) {
    const std::vector<float> good{0, 0, 3, 3};
    for (const int64_t image : {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{2}, int64_t{1} << 62}) {
      compare(shifts, Tensor::vector<float>(good).reshaped({1, 4}), image);
    }
    for (const float bad : {NAN, INFINITY, -INFINITY, 3e38f, -3e38f}) {
      for (size_t i = 0; i < 4; ++i) {
        std::vector<float> region = good;
        region[i] = bad;
        compare(shifts, Tensor::vector<float>(region).reshaped({1, 4}), 0);
      }
    }
  }
  EXPECT_GT(refused, 6 + 20);
}

TEST(RoiAlign, TablesAreBounded) {
  EXPECT_TRUE(RoiAlign::can_do({.height = 1000, .width = 1000, .rows = 14, .columns = 14}));
  EXPECT_FALSE(RoiAlign::can_do({.height = 5000, .width = 5000, .rows = 1000, .columns = 1}));
  EXPECT_FALSE(RoiAlign::can_do({.height = int64_t{1} << 40, .width = 1}));
  EXPECT_THROW(RoiAlign({.rows = int64_t{1} << 40}), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
