#include "kernels/conv/paired_conv.hpp"

#include "base/error.hpp"
#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

TEST(PairedConv, EqualsTheReference) {
  Philox rng(14);
  for (int i = 0; i < 150; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.channels_in = pick(rng, 48, 140), p.channels_out = pick(rng, 16, 90);
    p.height = pick(rng, 1, 9), p.width = pick(rng, 1, 30);
    p.stride_h = pick(rng, 1, 2), p.stride_w = pick(rng, 0, 3) == 0 ? 3 : p.stride_h;
    p.epilogue = random_epilogue(rng);
    const ConvCase test(rng, p);
    TileTuning tuning;
    tuning.blocks = static_cast<int>(pick(rng, 1, 4));
    tuning.rows = static_cast<int>(pick(rng, 0, 3) == 0 ? pick(rng, 1, 14) : 28);
    tuning.band = pick(rng, 1, 6);
    tuning.channels_outer = pick(rng, 0, 1) == 1;
    tuning.prefetch_weights = pick(rng, 0, 1) == 1;
    const Halo in_halo = random_halo(rng, 0, 2), out_halo = i % 2 == 0 ? Halo() : random_halo(rng, 0, 2);
    const int64_t parts = pick(rng, 1, 3);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, in_halo), out = test.out_layout(isa, out_halo);
      const PairedConv kernel(p, in, out, isa, tuning);
      EXPECT_LT(test.error(kernel, in, out, parts), 2e-5) << describe(p, isa);
    }
  }
}

TEST(PairedConv, DeclinesOtherConvolutions) {
  ConvProblem p;
  p.channels_in = 64, p.channels_out = 64, p.height = p.width = 8;
  EXPECT_TRUE(PairedConv::can_do(p));
  p.kernel_h = p.kernel_w = 3, p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 1;
  EXPECT_FALSE(PairedConv::can_do(p));
  const BlockedLayout layout{1, 64, 8, 8, block_of(Isa::portable), 1};
  EXPECT_THROW(PairedConv(p, layout, layout, Isa::portable, {}), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
