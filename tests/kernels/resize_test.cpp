#include "kernels/resize/resize.hpp"

#include "kernels/run_node.hpp"
#include "ops/support/resize_shape.hpp"

namespace kiln::kernel_test {
namespace {

using ops::Resampling;

struct ResizeCase {
  Resampling how;
  std::vector<ops::ResampledAxis> axes;
  Tensor x, expected;
  std::string text;
};

/// Scales that give pixels at random places, or whole numbers as networks have.
float random_scale(Philox& rng) {
  constexpr float usual[] = {2, 2, 4, 0.5f, 1};
  return pick(rng, 0, 1) == 0 ? usual[pick(rng, 0, 4)] : static_cast<float>(rng.uniform(0.3, 3.5));
}

ResizeCase random_case(Philox& rng) {
  constexpr const char* modes[] = {"nearest", "linear", "cubic"};
  constexpr const char* nearests[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
  constexpr const char* transforms[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                        "asymmetric"};
  ResizeCase test;
  const int64_t mode = pick(rng, 0, 4) % 3, nearest = pick(rng, 0, 3), transform = pick(rng, 0, 4);
  test.how.mode = static_cast<Resampling::Mode>(mode);
  test.how.nearest = static_cast<Resampling::Nearest>(nearest);
  test.how.transform = static_cast<Resampling::Transform>(transform);
  test.how.antialias = mode != 0 && pick(rng, 0, 3) == 0;
  test.how.exclude_outside = mode == 2 && pick(rng, 0, 3) == 0;
  test.x = random_tensor(rng, {pick(rng, 1, 2), pick(rng, 1, 40), pick(rng, 1, 12), pick(rng, 1, 20)});
  ops::ResizeTarget target;
  target.axes = {0, 1, 2, 3};
  const float fy = random_scale(rng), fx = random_scale(rng);
  Tensor scales, sizes;
  if (pick(rng, 0, 1) == 0 && static_cast<float>(test.x.dim(2)) * fy >= 1 &&
      static_cast<float>(test.x.dim(3)) * fx >= 1) {
    target.scales = std::vector<float>{1, 1, fy, fx};
    scales = Tensor::vector<float>(*target.scales);
  } else {
    target.sizes = std::vector<int64_t>{test.x.dim(0), test.x.dim(1), pick(rng, 1, 30), pick(rng, 1, 50)};
    sizes = Tensor::vector<int64_t>(*target.sizes);
  }
  test.axes = ops::resize_axes(target, test.x.shape());
  const Attributes attributes{{"mode", std::string(modes[mode])},
                              {"nearest_mode", std::string(nearests[nearest])},
                              {"coordinate_transformation_mode", std::string(transforms[transform])},
                              {"antialias", int64_t{test.how.antialias}},
                              {"exclude_outside", int64_t{test.how.exclude_outside}}};
  test.expected = run_node("Resize", {test.x, Tensor(), scales, sizes}, attributes)[0];
  test.text = fmt::format("{} {} {} of {} x {} to {} x {}", modes[mode], nearests[nearest], transforms[transform],
                          test.x.dim(2), test.x.dim(3), test.expected.dim(2), test.expected.dim(3));
  return test;
}

TEST(Resize, EqualsTheReference) {
  Philox rng(91);
  for (int i = 0; i < 400; ++i) {
    const ResizeCase test = random_case(rng);
    for (const Isa isa : usable_isas()) {
      BlockedBuffer in(rng, test.x, isa), out(rng, test.expected, isa);
      in.set(test.x);
      const Resize kernel(test.how, test.axes[2], test.axes[3], in.layout, out.layout, isa);
      run_parts(kernel, pick(rng, 1, 3), ResizePointers{in.data(), out.data()});
      EXPECT_LT(worst_difference(out.get(), test.expected), 2e-6) << kernel.name() << " " << test.text;
    }
  }
}

TEST(Resize, DeclinesWhatLiesOutside) {
  Resampling how;
  how.transform = Resampling::Transform::tf_crop_and_resize;
  const ops::ResampledAxis axis{4, 4, 1, 4, -0.5, 1.5};
  const BlockedLayout layout{1, 8, 4, 4, 8, 0};
  EXPECT_THROW(Resize(how, axis, axis, layout, layout, Isa::portable), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
