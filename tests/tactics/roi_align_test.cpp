#include "tactics/node_problem.hpp"
#include "tactics/tactics.hpp"

namespace kiln::kernel_test {
namespace {

NodeProblem regions_of(const Tensor& x, const Attributes& attributes, int64_t opset = 22) {
  const Tensor regions = Tensor::vector<float>({1, 1, 6, 5, -2, 3, 20, 9.5f, 6, 5, 1, 1}).reshaped({3, 4});
  return NodeProblem("RoiAlign", {x, regions, Tensor::vector<int64_t>({1, 0, 1})}, attributes, 1, opset, 3);
}

TEST(RoiAlignTactic, ReadsTheNode) {
  Philox rng(141);
  const Tensor x = random_tensor(rng, {2, 70, 9, 12});
  const auto isas = static_cast<int>(usable_isas().size());
  for (const char* mode : {"avg", "max"}) {
    for (const int64_t ratio : {0, 2, 5}) {
      const Attributes common{{"mode", std::string(mode)},
                              {"sampling_ratio", ratio},
                              {"output_height", int64_t{3}},
                              {"output_width", int64_t{4}},
                              {"spatial_scale", 0.75f}};
      EXPECT_EQ(run_tactics(rng, regions_of(x, common, 10), 2e-6), isas);
      EXPECT_EQ(run_tactics(rng, regions_of(x, common, 16), 2e-6), isas);
      Attributes unshifted = common;
      unshifted.push_back({"coordinate_transformation_mode", std::string("output_half_pixel")});
      EXPECT_EQ(run_tactics(rng, regions_of(x, unshifted), 2e-6), isas);
    }
  }
  EXPECT_EQ(run_tactics(rng, regions_of(x, {}), 2e-6), isas);
}

TEST(RoiAlignTactic, Declines) {
  Philox rng(142);
  const Tensor wide(DType::f64, {1, 2, 4, 4}), region(DType::f64, {1, 4}), image = Tensor::vector<int64_t>({0});
  EXPECT_EQ(decline_of(NodeProblem("RoiAlign", {wide, region, image}, {})), "not f32");
  const Tensor none(DType::f32, {0, 4}), x = random_tensor(rng, {1, 2, 4, 4});
  EXPECT_EQ(decline_of(NodeProblem("RoiAlign", {x, none, Tensor(DType::i64, {0})}, {})), "an empty tensor");
  EXPECT_EQ(decline_of(regions_of(random_tensor(rng, {2, 1, 2, 3000}), {{"output_width", int64_t{200}}})),
            "bins or images too large for tables of weights");
}

TEST(RoiAlignTactic, RefusesRegionsOfNoImage) {
  Philox rng(143);
  NodeProblem test = regions_of(random_tensor(rng, {2, 3, 4, 4}), {});
  const Layouts layouts{std::vector<TensorLayout>(3), std::vector<TensorLayout>(1)};
  const auto work = tactics::roi_align.prepare(test.problem(best_isa()), layouts, {});
  const void* const inputs[] = {test.inputs[0].raw(), test.inputs[1].raw(), test.inputs[2].raw()};
  const WorkPointers pointers{inputs, nullptr, nullptr, nullptr};
  EXPECT_TRUE(work->checks());
  EXPECT_NO_THROW(work->check(pointers));
  test.inputs[2].mutable_data<int64_t>()[2] = 2;
  EXPECT_THROW(work->check(pointers), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
