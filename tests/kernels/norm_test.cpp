#include "kernels/norm/channel_norm.hpp"
#include "kernels/norm/layer_norm.hpp"
#include "kernels/norm/local_response_norm.hpp"
#include "kernels/norm/softmax.hpp"
#include "kernels/run_node.hpp"

namespace kiln::kernel_test {
namespace {

TEST(Softmax, EqualsTheReference) {
  Philox rng(81);
  for (int i = 0; i < 300; ++i) {
    SoftmaxProblem p;
    p.log = i % 2 != 0;
    p.outer = pick(rng, 1, 4), p.n = pick(rng, 1, i % 5 == 0 ? 300 : 40);
    if (i % 3 != 0) p.inner = pick(rng, 1, 150);
    Tensor x = random_tensor(rng, {p.outer, p.n, p.inner}, pick(rng, 0, 3) == 0 ? 30 : 2);
    if (pick(rng, 0, 3) == 0) {
      constexpr float odd[] = {NAN, INFINITY, -INFINITY, -INFINITY, -INFINITY};
      for (float& value : x.mutable_elements<float>()) {
        if (pick(rng, 0, 20) == 0) value = odd[pick(rng, 0, 4)];
      }
    }
    const Tensor expected = run_node(p.log ? "LogSoftmax" : "Softmax", {x}, {{"axis", int64_t{1}}})[0];
    for (const Isa isa : usable_isas()) {
      const Softmax kernel(p, isa);
      std::vector<float> out = rubbish(x.size() + 1);
      const bool in_place = pick(rng, 0, 1) == 0;
      if (in_place) std::copy_n(x.data<float>(), x.size(), out.data());
      run_parts(kernel, pick(rng, 1, 3), SoftmaxPointers{in_place ? out.data() : x.data<float>(), out.data()});
      EXPECT_LT(worst_difference(out.data(), expected), 1e-6) << kernel.name() << " case " << i;
      EXPECT_EQ(out.back(), 1e9f);
    }
  }
}

TEST(LayerNorm, EqualsTheReference) {
  Philox rng(82);
  for (int i = 0; i < 200; ++i) {
    LayerNormProblem p;
    p.centred = i % 2 == 0;
    p.rows = pick(rng, 1, 8), p.n = pick(rng, 1, i % 10 == 0 ? 10000 : 200);
    p.epsilon = pick(rng, 0, 1) == 0 ? 1e-5f : 0.1f;
    const bool has_bias = p.centred && pick(rng, 0, 2) != 0, has_residual = pick(rng, 0, 1) == 0;
    const bool writes_sum = has_residual && pick(rng, 0, 1) == 0;
    Tensor x = random_tensor(rng, {p.rows, p.n});
    for (float& value : x.mutable_elements<float>()) value += 3.0f;
    const Tensor residual = random_tensor(rng, {p.rows, p.n});
    const Tensor scale = random_tensor(rng, {p.n}), bias = has_bias ? random_tensor(rng, {p.n}) : Tensor();
    const Tensor total = has_residual ? run_node("Add", {x, residual}, {})[0] : x;
    std::vector<Tensor> inputs{total, scale};
    if (has_bias) inputs.push_back(bias);
    const Tensor expected = run_node(p.centred ? "LayerNormalization" : "RMSNormalization", inputs,
                                     {{"axis", int64_t{1}}, {"epsilon", p.epsilon}}, 1, 23)[0];
    for (const Isa isa : usable_isas()) {
      const LayerNorm kernel(p, isa);
      std::vector<float> out = rubbish(x.size() + 1), sum = rubbish(x.size() + 1);
      const bool in_place = pick(rng, 0, 1) == 0;
      if (in_place) std::copy_n(x.data<float>(), x.size(), out.data());
      run_parts(kernel, pick(rng, 1, 3),
                LayerNormPointers{in_place ? out.data() : x.data<float>(), scale.data<float>(),
                                  has_bias ? bias.data<float>() : nullptr, out.data(),
                                  has_residual ? residual.data<float>() : nullptr, writes_sum ? sum.data() : nullptr});
      // A row of one number or of nearly equal ones is divided by nearly nothing.
      EXPECT_LT(worst_difference(out.data(), expected), p.n < 4 ? 2e-5 : 3e-6) << kernel.name() << " case " << i;
      if (writes_sum) {
        EXPECT_EQ(worst_difference(sum.data(), total), 0);
      }
      EXPECT_EQ(out.back(), 1e9f);
      EXPECT_EQ(sum.back(), 1e9f);
    }
  }
}

/// Both formats of a kernel against what is expected.
template <class Kernel, class Pack>
void check_channel_norm(Philox& rng, const Tensor& x, const Tensor& expected, const Pack& pack, const char* what) {
  for (const Isa isa : usable_isas()) {
    const int64_t parts = pick(rng, 1, 3);
    BlockedBuffer in(rng, x, isa), out(rng, expected, isa);
    in.set(x);
    const bool in_place = pick(rng, 0, 2) == 0;
    BlockedBuffer& to = in_place ? in : out;
    const auto blocked = pack(ChannelNormTensors(in.layout, to.layout, isa), isa);
    run_parts(blocked.first, parts, ChannelNormPointers{in.data(), blocked.second.data(), to.data()});
    EXPECT_LT(worst_difference(to.get(), expected), 3e-6) << what << blocked.first.name();
    const auto plain = pack(ChannelNormTensors(x.dim(0), x.dim(1), x.dim(2) * x.dim(3)), isa);
    std::vector<float> numbers = rubbish(x.size() + 1);
    run_parts(plain.first, parts, ChannelNormPointers{x.data<float>(), plain.second.data(), numbers.data()});
    EXPECT_LT(worst_difference(numbers.data(), expected), 3e-6) << what << plain.first.name() << " plain";
    EXPECT_EQ(numbers.back(), 1e9f);
  }
}

Tensor random_image(Philox& rng, int64_t channels) {
  const int64_t width = pick(rng, 0, 9) == 0 ? 200 : pick(rng, 3, 24);
  Tensor x = random_tensor(rng, {pick(rng, 1, 2), channels, pick(rng, 1, 12), width});
  for (float& value : x.mutable_elements<float>()) value += 2.0f;
  return x;
}

TEST(BatchNorm, EqualsTheReference) {
  Philox rng(83);
  for (int i = 0; i < 100; ++i) {
    const int64_t channels = pick(rng, 1, 50);
    const Tensor x = random_image(rng, channels), scale = random_tensor(rng, {channels}),
                 bias = random_tensor(rng, {channels}), mean = random_tensor(rng, {channels});
    Tensor variance = random_tensor(rng, {channels});
    for (float& value : variance.mutable_elements<float>()) value = 0.5f + value * value;
    const Tensor expected = run_node("BatchNormalization", {x, scale, bias, mean, variance}, {{"epsilon", 0.01f}})[0];
    const auto pack = [&](const ChannelNormTensors& tensors, Isa isa) {
      std::pair<BatchNorm, std::vector<float>> kernel{BatchNorm(tensors, isa), {}};
      kernel.second = rubbish(kernel.first.packed_floats());
      kernel.first.pack(scale.data<float>(), bias.data<float>(), mean.data<float>(), variance.data<float>(), 0.01f,
                        kernel.second.data());
      return kernel;
    };
    check_channel_norm<BatchNorm>(rng, x, expected, pack, "");
  }
}

TEST(GroupNorm, EqualsTheReference) {
  Philox rng(84);
  for (int i = 0; i < 200; ++i) {
    const int64_t groups = pick(rng, 1, 12), channels = groups * (i % 2 == 0 ? 1 : pick(rng, 1, 9));
    const bool by_instance = groups == channels;
    const Tensor x = random_image(rng, channels), scale = random_tensor(rng, {channels}),
                 bias = random_tensor(rng, {channels});
    Attributes attributes{{"epsilon", 0.01f}};
    if (!by_instance) attributes.push_back({"num_groups", groups});
    const Tensor expected =
        run_node(by_instance ? "InstanceNormalization" : "GroupNormalization", {x, scale, bias}, attributes)[0];
    const auto pack = [&](const ChannelNormTensors& tensors, Isa isa) {
      std::pair<GroupNorm, std::vector<float>> kernel{GroupNorm(tensors, groups, 0.01f, isa), {}};
      kernel.second = rubbish(kernel.first.packed_floats());
      kernel.first.pack(scale.data<float>(), bias.data<float>(), kernel.second.data());
      return kernel;
    };
    check_channel_norm<GroupNorm>(rng, x, expected, pack,
                                  fmt::format("{} channels in {} groups: ", channels, groups).c_str());
  }
}

TEST(GroupNorm, FewGroupsOfLongRows) {
  Philox rng(86);
  for (int i = 0; i < 30; ++i) {
    const int64_t groups = pick(rng, 1, 3), channels = groups * pick(rng, 1, 20);
    Tensor x = random_tensor(rng, {pick(rng, 1, 2), channels, pick(rng, 1, 2), pick(rng, 500, 4000)});
    for (float& value : x.mutable_elements<float>()) value += 2.0f;
    const Tensor scale = random_tensor(rng, {channels}), bias = random_tensor(rng, {channels});
    const Tensor expected =
        run_node("GroupNormalization", {x, scale, bias}, {{"epsilon", 1e-5f}, {"num_groups", groups}})[0];
    const auto pack = [&](const ChannelNormTensors& tensors, Isa isa) {
      std::pair<GroupNorm, std::vector<float>> kernel{GroupNorm(tensors, groups, 1e-5f, isa), {}};
      kernel.second = rubbish(kernel.first.packed_floats());
      kernel.first.pack(scale.data<float>(), bias.data<float>(), kernel.second.data());
      return kernel;
    };
    check_channel_norm<GroupNorm>(rng, x, expected, pack,
                                  fmt::format("{} channels in {} groups: ", channels, groups).c_str());
  }
}

TEST(LocalResponseNorm, EqualsTheReference) {
  Philox rng(85);
  for (int i = 0; i < 100; ++i) {
    constexpr float powers[] = {0.5f, 0.75f, 1.0f};
    const LocalResponseProblem p{pick(rng, 1, 17), static_cast<float>(rng.uniform(0, 2)), powers[i % 3],
                                 static_cast<float>(rng.uniform(0.5, 2))};
    const Tensor x = random_image(rng, pick(rng, 1, 60));
    const Tensor expected =
        run_node("LRN", {x}, {{"size", p.size}, {"alpha", p.alpha}, {"beta", p.beta}, {"bias", p.bias}})[0];
    for (const Isa isa : usable_isas()) {
      BlockedBuffer in(rng, x, isa), out(rng, expected, isa);
      in.set(x);
      const LocalResponseNorm kernel(p, in.layout, out.layout, isa);
      run_parts(kernel, pick(rng, 1, 3), LocalResponsePointers{in.data(), out.data()});
      EXPECT_LT(worst_difference(out.get(), expected), 1e-6) << kernel.name() << " of " << p.size;
    }
  }
}

TEST(LocalResponseNorm, DeclinesUnusualPowers) {
  const BlockedLayout layout{1, 8, 1, 1, 8, 0};
  EXPECT_THROW(LocalResponseNorm({5, 1, 0.6f, 1}, layout, layout, Isa::portable), Error);
  EXPECT_THROW(LocalResponseNorm({18, 1, 0.5f, 1}, layout, layout, Isa::portable), Error);
  EXPECT_THROW(LocalResponseNorm({5, 1, 0.5f, 0}, layout, layout, Isa::portable), Error);
}

TEST(GroupNorm, DeclinesUnevenGroups) {
  EXPECT_THROW(GroupNorm(ChannelNormTensors(1, 10, 4), 3, 0, Isa::portable), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
