#include "kernels/pool/pool.hpp"

#include "kernels/run_node.hpp"

namespace kiln::kernel_test {
namespace {

/// Some numbers that are none, and sometimes whole regions of them.
void spoil(Philox& rng, Tensor& x) {
  const double share = pick(rng, 0, 2) == 0 ? 0.7 : 0.02;
  for (float& value : x.mutable_elements<float>()) {
    if (rng.uniform(0, 1) > share) continue;
    value = pick(rng, 0, 1) == 0 ? NAN : -INFINITY;
  }
}

struct PoolCase {
  PoolProblem problem;
  Tensor x, expected;
};

PoolCase random_case(Philox& rng, int i) {
  PoolCase test;
  PoolProblem& p = test.problem;
  p.kind = i % 2 == 0 ? PoolKind::max : PoolKind::mean;
  constexpr int64_t kernels[][2] = {{2, 2}, {3, 1}, {3, 2}, {5, 1}};
  if (i % 3 != 0) {
    const auto& chosen = kernels[pick(rng, 0, 3)];
    p.kernel_h = p.kernel_w = chosen[0], p.stride_h = p.stride_w = chosen[1];
  } else {
    p.kernel_h = pick(rng, 1, 5), p.kernel_w = pick(rng, 1, 7);
    p.stride_h = pick(rng, 1, 4), p.stride_w = pick(rng, 1, 4);
    p.dilation_h = pick(rng, 1, 3), p.dilation_w = pick(rng, 1, 3);
  }
  // Pads larger than the kernel leave windows that cover nothing.
  const int64_t most = pick(rng, 0, 9) == 0 ? 8 : 2;
  p.pad_top = pick(rng, 0, most), p.pad_left = pick(rng, 0, most);
  p.pad_bottom = pick(rng, 0, most), p.pad_right = pick(rng, 0, most);
  p.count_include_pad = pick(rng, 0, 1) != 0;
  const int64_t reach_h = (p.kernel_h - 1) * p.dilation_h + 1, reach_w = (p.kernel_w - 1) * p.dilation_w + 1;
  const int64_t height = std::max<int64_t>(1, reach_h - p.pad_top - p.pad_bottom) + pick(rng, 0, 12);
  const int64_t width = std::max<int64_t>(1, reach_w - p.pad_left - p.pad_right) + pick(rng, 0, 40);
  test.x = random_tensor(rng, {pick(rng, 1, 2), pick(rng, 1, 40), height, width});
  if (p.kind == PoolKind::max && pick(rng, 0, 2) == 0) spoil(rng, test.x);
  Attributes attributes{{"kernel_shape", std::vector{p.kernel_h, p.kernel_w}},
                        {"strides", std::vector{p.stride_h, p.stride_w}},
                        {"dilations", std::vector{p.dilation_h, p.dilation_w}},
                        {"pads", std::vector{p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}},
                        {"ceil_mode", pick(rng, 0, 1)}};
  if (p.kind == PoolKind::mean) attributes.push_back({"count_include_pad", int64_t{p.count_include_pad}});
  test.expected = run_node(p.kind == PoolKind::max ? "MaxPool" : "AveragePool", {test.x}, attributes, 1,
                           pick(rng, 0, 1) == 0 ? 21 : 22)[0];
  return test;
}

TEST(Pool, EqualsTheReference) {
  Philox rng(71);
  for (int i = 0; i < 400; ++i) {
    const PoolCase test = random_case(rng, i);
    for (const Isa isa : usable_isas()) {
      BlockedBuffer in(rng, test.x, isa), out(rng, test.expected, isa);
      in.set(test.x);
      const Pool kernel(test.problem, in.layout, out.layout, isa);
      run_parts(kernel, pick(rng, 1, 3), PoolPointers{in.data(), out.data()});
      EXPECT_LT(worst_difference(out.get(), test.expected), 1e-6) << kernel.name() << " case " << i;
    }
  }
}

TEST(Pool, DeclinesWhatIsNoPooling) {
  const BlockedLayout in{1, 8, 4, 4, 8, 0}, wider{1, 16, 4, 4, 8, 0};
  PoolProblem p;
  EXPECT_THROW(Pool(p, in, wider, Isa::portable), Error);
  p.stride_w = 0;
  EXPECT_THROW(Pool(p, in, in, Isa::portable), Error);
}

TEST(GlobalPool, EqualsTheReference) {
  Philox rng(72);
  for (int i = 0; i < 120; ++i) {
    const PoolKind kind = i % 2 == 0 ? PoolKind::max : PoolKind::mean;
    Tensor x = random_tensor(rng, {pick(rng, 1, 3), pick(rng, 1, 70), pick(rng, 1, 20), pick(rng, 1, 20)});
    if (kind == PoolKind::max && pick(rng, 0, 2) == 0) spoil(rng, x);
    const Tensor expected = run_node(kind == PoolKind::max ? "GlobalMaxPool" : "GlobalAveragePool", {x}, {})[0];
    for (const Isa isa : usable_isas()) {
      BlockedBuffer in(rng, x, isa), out(rng, expected, isa);
      in.set(x);
      const int64_t parts = pick(rng, 1, 3);
      const GlobalPool blocked(kind, in.layout, out.layout, isa), plain(kind, in.layout, isa);
      run_parts(blocked, parts, PoolPointers{in.data(), out.data()});
      EXPECT_LT(worst_difference(out.get(), expected), 1e-6) << blocked.name() << " case " << i;
      std::vector<float> numbers = rubbish(expected.size() + 1);
      run_parts(plain, parts, PoolPointers{in.data(), numbers.data()});
      EXPECT_LT(worst_difference(numbers.data(), expected), 1e-6) << plain.name() << " case " << i;
      EXPECT_EQ(numbers.back(), 1e9f);
    }
  }
}

}  // namespace
}  // namespace kiln::kernel_test
