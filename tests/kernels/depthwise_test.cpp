#include "kernels/conv/depthwise.hpp"

#include "kernels/conv/first.hpp"
#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

TEST(DepthwiseConv, EqualsTheReference) {
  Philox rng(31);
  for (int i = 0; i < 150; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.group = p.channels_in = p.channels_out = pick(rng, 1, 40);
    p.height = pick(rng, 7, 16), p.width = pick(rng, 7, 40);
    p.kernel_h = p.kernel_w = 1 + 2 * pick(rng, 1, 3);
    p.stride_h = p.stride_w = pick(rng, 1, 2);
    if (i % 3 == 0) {
      p.kernel_h = pick(rng, 1, 4), p.kernel_w = pick(rng, 1, 4), p.stride_w = pick(rng, 1, 3);
      p.dilation_h = pick(rng, 1, 2), p.dilation_w = pick(rng, 1, 2);
    }
    p.pad_top = pick(rng, 0, 3), p.pad_left = pick(rng, 0, 3);
    p.pad_bottom = pick(rng, 0, 3), p.pad_right = pick(rng, 0, 3);
    p.epilogue = random_epilogue(rng);
    const ConvCase test(rng, p);
    const Halo in_halo = random_halo(rng, 3, 4), out_halo = random_halo(rng, 0, 3);
    const int64_t rows = pick(rng, 0, 14);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, in_halo), out = test.out_layout(isa, out_halo);
      const DepthwiseConv kernel(p, in, out, isa, rows);
      EXPECT_LT(test.error(kernel, in, out, pick(rng, 1, 3)), 2e-5) << describe(p, isa);
    }
  }
}

TEST(DepthwiseConv, MakesMeansOfItsOutputs) {
  Philox rng(33);
  for (int i = 0; i < 60; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.group = p.channels_in = p.channels_out = pick(rng, 2, 40);
    p.height = pick(rng, 5, 20), p.width = pick(rng, 5, 20);
    p.kernel_h = p.kernel_w = pick(rng, 1, 5);
    p.stride_h = p.stride_w = pick(rng, 1, 2);
    p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = pick(rng, 0, 2);
    do {
      p.epilogue = random_epilogue(rng);
      p.epilogue.residual = Residual::none;
    } while (!DepthwiseConv::can_have_mean(p.epilogue));
    const ConvCase test(rng, p);
    const int64_t halo = pick(rng, 0, 1), parts = pick(rng, 1, 3);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, 5), out = test.out_layout(isa, halo);
      const BlockedLayout means{p.batch, p.channels_out, 1, 1, block_of(isa), halo};
      DepthwiseConv kernel(p, in, out, isa);
      kernel.add_mean(means);
      std::vector<float> packed = rubbish(kernel.packed_floats()), input = to_blocked(test.x, in);
      std::vector<float> output = rubbish(out.floats()), mean = rubbish(means.floats());
      std::vector<float> scratch = rubbish(kernel.scratch_floats(parts));
      kernel.pack(test.w.data<float>(), test.b.data<float>(), packed.data());
      for (int64_t phase = 0; phase < kernel.phases(); ++phase) {
        for (int64_t part = parts; part-- > 0;) {
          kernel.run_part(phase, part, parts, {input.data(), packed.data(), output.data(), nullptr, mean.data()},
                          scratch.data());
        }
      }
      EXPECT_LT(worst_error(from_blocked(output, out), test.expected), 2e-5) << describe(p, isa);
      Tensor expected(DType::f32, {p.batch, p.channels_out, 1, 1});
      const int64_t area = out.h * out.w;
      for (int64_t c = 0; c < expected.size(); ++c) {
        double sum = 0;
        for (int64_t k = 0; k < area; ++k) sum += test.expected.data<float>()[c * area + k];
        expected.mutable_data<float>()[c] = static_cast<float>(sum / static_cast<double>(area));
      }
      EXPECT_LT(worst_error(from_blocked(mean, means), expected), 2e-5) << describe(p, isa);
    }
  }
}

TEST(DepthwiseConv, DeclinesOtherGroups) {
  ConvProblem p;
  p.group = 4, p.channels_in = p.channels_out = 8;
  const BlockedLayout layout{1, 8, 1, 1, 8, 0};
  EXPECT_THROW(DepthwiseConv(p, layout, layout, Isa::portable), Error);
}

TEST(FirstConv, EqualsTheReference) {
  Philox rng(32);
  for (int i = 0; i < 120; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.channels_in = pick(rng, 1, 5), p.channels_out = pick(rng, 1, 70);
    p.height = pick(rng, 5, 24), p.width = pick(rng, 5, 40);
    p.kernel_h = pick(rng, 1, 5), p.kernel_w = pick(rng, 1, 5);
    p.stride_h = pick(rng, 1, 3), p.stride_w = pick(rng, 1, 3);
    p.dilation_w = pick(rng, 0, 4) == 0 ? 2 : 1, p.dilation_h = pick(rng, 0, 4) == 0 ? 2 : 1;
    p.pad_top = pick(rng, 0, 3), p.pad_left = pick(rng, 0, 3);
    p.pad_bottom = pick(rng, 2, 4), p.pad_right = pick(rng, 4, 5);
    p.epilogue = random_epilogue(rng);
    const ConvCase test(rng, p);
    TileTuning tuning;
    tuning.blocks = static_cast<int>(pick(rng, 1, 4));
    tuning.band = pick(rng, 1, 8);
    const Halo out_halo = random_halo(rng, 0, 2);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout out = test.out_layout(isa, out_halo);
      const FirstConv kernel(p, out, isa, tuning);
      EXPECT_LT(test.error(kernel, {}, out, pick(rng, 1, 3), true), 2e-5) << describe(p, isa);
    }
  }
}

}  // namespace
}  // namespace kiln::kernel_test
