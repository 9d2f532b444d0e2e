#include "tactics/node_problem.hpp"

/// The tactics of pooling, normalising, resizing and reducing: that they read the nodes as the reference does. The
/// kernels' own tests go into what they compute.
namespace kiln::kernel_test {
namespace {

Tensor random_image(Philox& rng) {
  if (pick(rng, 0, 3) == 0) return random_tensor(rng, {pick(rng, 1, 2), pick(rng, 1, 40), pick(rng, 6, 30)});
  return random_tensor(rng, {pick(rng, 1, 2), pick(rng, 1, 40), pick(rng, 6, 14), pick(rng, 6, 30)});
}

std::vector<int64_t> random_list(Philox& rng, size_t count, int64_t low, int64_t high) {
  std::vector<int64_t> list(count);
  for (int64_t& x : list) x = pick(rng, low, high);
  return list;
}

TEST(RowTactics, Pool) {
  Philox rng(111);
  constexpr const char* pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
  for (int i = 0; i < 120; ++i) {
    const Tensor x = random_image(rng);
    const auto axes = static_cast<size_t>(x.rank()) - 2;
    const bool is_max = i % 2 == 0;
    const int64_t auto_pad = pick(rng, 0, 5) % 4;
    Attributes attributes{{"kernel_shape", random_list(rng, axes, 1, 4)},
                          {"strides", random_list(rng, axes, 1, 3)},
                          {"ceil_mode", pick(rng, 0, 1)}};
    if (auto_pad == 0) attributes.push_back({"pads", random_list(rng, 2 * axes, 0, 2)});
    if (auto_pad != 0) attributes.push_back({"auto_pad", std::string(pads[auto_pad])});
    if (pick(rng, 0, 1) == 0 && auto_pad == 0) attributes.push_back({"dilations", random_list(rng, axes, 1, 2)});
    if (!is_max) attributes.push_back({"count_include_pad", pick(rng, 0, 1)});
    const NodeProblem test(is_max ? "MaxPool" : "AveragePool", {x}, attributes);
    EXPECT_GT(run_tactics(rng, test, 1e-6), 0);
  }
}

TEST(RowTactics, PoolDeclines) {
  Philox rng(112);
  const Attributes square{{"kernel_shape", std::vector<int64_t>{2, 2}}};
  const Tensor x = random_tensor(rng, {1, 4, 6, 6});
  EXPECT_EQ(decline_of(NodeProblem("MaxPool", {x}, square, 2)), "indices are asked for");
  EXPECT_EQ(decline_of(NodeProblem("MaxPool", {random_tensor(rng, {1, 4, 6, 6, 6})},
                                   {{"kernel_shape", std::vector<int64_t>{2, 2, 2}}})),
            "not one or two spatial axes");
  EXPECT_EQ(decline_of(NodeProblem("MaxPool", {Tensor(DType::u8, {1, 4, 6, 6})}, square)), "not f32");
  EXPECT_EQ(decline_of(NodeProblem("GlobalMaxPool", {random_tensor(rng, {2, 3})}, {})), "not one or two spatial axes");
}

TEST(RowTactics, WholeChannels) {
  Philox rng(113);
  constexpr const char* names[] = {"GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"};
  for (int i = 0; i < 80; ++i) {
    const Tensor x = random_image(rng);
    std::vector<Tensor> inputs{x};
    Attributes attributes;
    if (i % 4 >= 2) {
      inputs.push_back(Tensor::vector<int64_t>(x.rank() == 4 ? std::vector<int64_t>{2, -1} : std::vector<int64_t>{2}));
      attributes.push_back({"keepdims", pick(rng, 0, 1)});
    }
    // From blocked images and from plain ones.
    EXPECT_EQ(run_tactics(rng, NodeProblem(names[i % 4], inputs, attributes), 1e-6),
              2 * static_cast<int>(usable_isas().size()));
  }
}

TEST(RowTactics, Reduce) {
  Philox rng(114);
  constexpr const char* names[] = {"ReduceSum",       "ReduceL1",  "ReduceL2",  "ReduceSumSquare",
                                   "ReduceLogSumExp", "ReduceMax", "ReduceMin", "ReduceProd"};
  for (int i = 0; i < 80; ++i) {
    const Tensor x = random_tensor(rng, random_list(rng, 4, 1, 6));
    const bool old = pick(rng, 0, 1) == 0;
    const std::vector<int64_t> axes = random_list(rng, static_cast<size_t>(pick(rng, 0, 1)), -4, 3);
    Attributes attributes{{"keepdims", pick(rng, 0, 1)}};
    if (old && !axes.empty()) attributes.push_back({"axes", axes});
    if (!old) attributes.push_back({"noop_with_empty_axes", pick(rng, 0, 1)});
    std::vector<Tensor> inputs{x};
    if (!old) inputs.push_back(Tensor::vector<int64_t>(axes));
    EXPECT_GT(run_tactics(rng, NodeProblem(names[i % 8], inputs, attributes, 1, old ? 11 : 20), 2e-5), 0);
  }
  EXPECT_EQ(
      decline_of(NodeProblem("ReduceSum", {random_tensor(rng, {2, 3}), Tensor::vector<int64_t>({1})}, {}, 1, 20, 2)),
      "axes that are not constant");
}

TEST(RowTactics, Best) {
  Philox rng(115);
  for (int i = 0; i < 60; ++i) {
    const Tensor x = random_tensor(rng, random_list(rng, 3, 1, 12));
    const int64_t axis = pick(rng, -3, 2);
    EXPECT_GT(run_tactics(
                  rng,
                  NodeProblem(i % 2 == 0 ? "ArgMax" : "ArgMin", {x},
                              {{"axis", axis}, {"keepdims", pick(rng, 0, 1)}, {"select_last_index", pick(rng, 0, 1)}}),
                  0),
              0);
    const int64_t k = pick(rng, 1, x.dim(axis));
    EXPECT_GT(run_tactics(rng,
                          NodeProblem("TopK", {x, Tensor::vector<int64_t>({k})},
                                      {{"axis", axis}, {"largest", pick(rng, 0, 1)}}, 2),
                          0),
              0);
    EXPECT_GT(run_tactics(rng,
                          NodeProblem("CumSum", {x, Tensor::scalar<int64_t>(axis)},
                                      {{"exclusive", pick(rng, 0, 1)}, {"reverse", pick(rng, 0, 1)}}),
                          0),
              0);
  }
}

TEST(RowTactics, Softmax) {
  Philox rng(116);
  for (int i = 0; i < 60; ++i) {
    const Tensor x = random_tensor(rng, random_list(rng, 4, 1, 12), 3);
    EXPECT_GT(run_tactics(rng,
                          NodeProblem(i % 2 == 0 ? "Softmax" : "LogSoftmax", {x}, {{"axis", pick(rng, -4, 3)}}, 1,
                                      pick(rng, 0, 1) == 0 ? 11 : 13),
                          2e-6),
              0);
  }
}

TEST(RowTactics, LayerNorm) {
  Philox rng(117);
  for (int i = 0; i < 60; ++i) {
    const Shape shape = random_list(rng, 3, 2, 12);
    const int64_t axis = pick(rng, 1, 2);
    Shape row(shape.begin() + axis, shape.end());
    if (pick(rng, 0, 1) == 0) row.insert(row.begin(), 1);
    std::vector<Tensor> inputs{random_tensor(rng, shape), random_tensor(rng, row)};
    if (i % 2 == 0 && pick(rng, 0, 1) == 0) inputs.push_back(random_tensor(rng, row));
    const Attributes attributes{{"axis", axis - pick(rng, 0, 1) * 3}, {"epsilon", 0.01f}};
    // Whether the scale is known before the run does not matter.
    EXPECT_GT(run_tactics(rng,
                          NodeProblem(i % 2 == 0 ? "LayerNormalization" : "RMSNormalization", inputs, attributes, 1, 23,
                                      pick(rng, 1, 3)),
                          5e-6),
              0);
  }
  const Tensor x = random_tensor(rng, {4, 6}), scale = random_tensor(rng, {6});
  EXPECT_EQ(decline_of(NodeProblem("LayerNormalization", {x, scale}, {}, 3)), "mean or deviation are asked for");
  EXPECT_EQ(decline_of(NodeProblem("LayerNormalization", {x, random_tensor(rng, {4, 1})}, {})),
            "a scale or bias that is no row");
}

TEST(RowTactics, ChannelNorms) {
  Philox rng(118);
  for (int i = 0; i < 90; ++i) {
    Tensor x = random_image(rng);
    const int64_t channels = x.dim(1);
    const Tensor scale = random_tensor(rng, {channels}), bias = random_tensor(rng, {channels}),
                 mean = random_tensor(rng, {channels});
    Tensor variance = random_tensor(rng, {channels});
    for (float& value : variance.mutable_elements<float>()) value = value * value + 0.5f;
    const Attributes epsilon{{"epsilon", 0.01f}};
    if (i % 3 == 0) {
      EXPECT_GT(run_tactics(rng, NodeProblem("BatchNormalization", {x, scale, bias, mean, variance}, epsilon), 5e-6),
                0);
    } else if (i % 3 == 1) {
      EXPECT_GT(run_tactics(rng, NodeProblem("InstanceNormalization", {x, scale, bias}, epsilon), 5e-6), 0);
    } else {
      const int64_t groups = channels % 3 == 0 ? channels / 3 : channels % 2 == 0 ? 2 : 1;
      const NodeProblem test("GroupNormalization", {x, scale, bias}, {{"epsilon", 0.01f}, {"num_groups", groups}});
      EXPECT_GT(run_tactics(rng, test, 5e-6), 0);
    }
  }
  const Tensor x = random_tensor(rng, {1, 2, 3, 3}), numbers = random_tensor(rng, {2});
  EXPECT_EQ(decline_of(NodeProblem("InstanceNormalization", {x, numbers, numbers}, {}, 1, 23, 2)),
            "parameters that are not constant");
}

TEST(RowTactics, LocalResponse) {
  Philox rng(120);
  for (int i = 0; i < 20; ++i) {
    const NodeProblem test("LRN", {random_image(rng)}, {{"size", pick(rng, 1, 9)}, {"alpha", 0.5f}});
    EXPECT_EQ(run_tactics(rng, test, 1e-6), static_cast<int>(usable_isas().size()));
  }
}

TEST(RowTactics, Resize) {
  Philox rng(119);
  constexpr const char* modes[] = {"nearest", "linear", "cubic"};
  constexpr const char* transforms[] = {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"};
  for (int i = 0; i < 90; ++i) {
    const Tensor x = random_image(rng);
    const auto rank = static_cast<size_t>(x.rank());
    std::vector<float> scales(rank, 1.0f);
    for (size_t axis = 2; axis < rank; ++axis) scales[axis] = static_cast<float>(pick(rng, 1, 6)) * 0.5f;
    const Attributes attributes{{"mode", std::string(modes[i % 3])},
                                {"coordinate_transformation_mode", std::string(transforms[pick(rng, 0, 3)])}};
    if (i % 2 == 0) {
      const NodeProblem test("Resize", {x, Tensor(), Tensor::vector<float>(scales)}, attributes);
      EXPECT_GT(run_tactics(rng, test, 3e-6), 0);
    } else {
      std::vector<int64_t> sizes{x.dim(0), x.dim(1)};
      for (size_t axis = 2; axis < rank; ++axis) sizes.push_back(pick(rng, 1, 30));
      // The sizes may be computed: the output's shape says them.
      const NodeProblem test("Resize", {x, Tensor(), Tensor(), Tensor::vector<int64_t>(sizes)}, attributes, 1, 23,
                             static_cast<size_t>(pick(rng, 1, 4)));
      EXPECT_GT(run_tactics(rng, test, 3e-6), 0);
    }
    EXPECT_GT(run_tactics(rng, NodeProblem("Resize", {x, Tensor::vector<float>(scales)}, {}, 1, 10), 0), 0);
    EXPECT_GT(run_tactics(rng, NodeProblem("Upsample", {x, Tensor::vector<float>(scales)}, {}, 1, 9), 0), 0);
  }
  const Tensor x = random_tensor(rng, {1, 2, 4, 4});
  EXPECT_EQ(decline_of(NodeProblem("Resize", {x, Tensor(), Tensor::vector<float>({1, 2, 1, 1})}, {})),
            "a resized batch or channel axis");
}

}  // namespace
}  // namespace kiln::kernel_test
