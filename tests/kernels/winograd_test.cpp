#include "kernels/conv/winograd.hpp"

#include "kernels/conv/transposed_winograd.hpp"
#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

TEST(WinogradConv, EqualsTheReference) {
  Philox rng(21);
  for (int i = 0; i < 90; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.channels_in = pick(rng, 1, 50), p.channels_out = pick(rng, 1, 90);
    p.height = pick(rng, 3, 20), p.width = pick(rng, 3, 20);
    p.kernel_h = p.kernel_w = 3;
    p.stride_h = p.stride_w = pick(rng, 1, 2);
    p.pad_top = pick(rng, 0, 2), p.pad_left = pick(rng, 0, 2);
    p.pad_bottom = pick(rng, 0, 2), p.pad_right = pick(rng, 0, 2);
    p.epilogue = random_epilogue(rng);
    const ConvCase test(rng, p);
    WinogradTuning tuning;
    tuning.size = static_cast<int>(p.stride_h == 1 ? 2 * pick(rng, 1, 3) : pick(rng, 3, 5));
    tuning.blocks = static_cast<int>(pick(rng, 1, 4));
    tuning.tiles = pick(rng, 1, 40);
    tuning.split_channels = pick(rng, 0, 1) == 1;
    tuning.prefetch_weights = pick(rng, 0, 1) == 1;
    tuning.fresh_weights = pick(rng, 0, 1) == 1;
    tuning.paired = pick(rng, 0, 1) == 1;
    const int64_t parts = pick(rng, 1, 3);
    const Halo in_halo = random_halo(rng, 0, 2), out_halo = random_halo(rng, 0, 2);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, in_halo), out = test.out_layout(isa, out_halo);
      const WinogradConv kernel(p, in, out, isa, tuning, parts);
      const double most = tuning.size <= 3 ? 2e-5 : tuning.size <= 5 ? 5e-5 : 2e-4;
      EXPECT_LT(test.error(kernel, in, out, parts), most) << kernel.name() << " " << describe(p, isa);
      const WinogradConv by_rule(p, in, out, isa, WinogradConv::default_tuning(p), parts);
      EXPECT_LT(test.error(by_rule, in, out, parts), 2e-4) << by_rule.name() << " " << describe(p, isa);
    }
  }
}

/// Maps beyond the caches, whose pixels are prefetched.
TEST(WinogradConv, LargeMapsEqualTheReference) {
  Philox rng(23);
  for (const int64_t stride : {1, 2}) {
    ConvProblem p;
    p.batch = 2, p.channels_in = 20, p.channels_out = 24;
    p.height = 150, p.width = 301;
    p.kernel_h = p.kernel_w = 3, p.stride_h = p.stride_w = stride;
    p.pad_top = p.pad_left = p.pad_right = 1;
    const ConvCase test(rng, p);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, 0), out = test.out_layout(isa, 1);
      const WinogradConv kernel(p, in, out, isa, {stride == 1 ? 6 : 5, 2, 14}, 2);
      EXPECT_LT(test.error(kernel, in, out, 2), 2e-4) << kernel.name();
    }
  }
}

/// Products in pairs add numbers of A and B: their sizes must not matter, nor how many there are.
TEST(WinogradConv, ManyChannelsInPairsEqualTheReference) {
  Philox rng(24);
  for (const int64_t stride : {1, 2}) {
    ConvProblem p;
    p.channels_in = 264, p.channels_out = 72, p.height = p.width = 13;
    p.kernel_h = p.kernel_w = 3, p.stride_h = p.stride_w = stride;
    p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 1;
    const ConvCase test(rng, p);
    for (const int size : {2, 3, 4, 5, 6}) {
      if (stride == 1 ? size % 2 != 0 : size < 3 || size > 5) continue;
      for (const bool fresh : {false, true}) {
        for (const Isa isa : usable_isas()) {
          const BlockedLayout in = test.in_layout(isa, 1), out = test.out_layout(isa, 0);
          const WinogradConv kernel(p, in, out, isa, {size, 2, 28, fresh, false, fresh, true}, 2);
          EXPECT_LT(test.error(kernel, in, out, 2), size <= 3 ? 2e-5 : size <= 5 ? 5e-5 : 2e-4) << kernel.name();
        }
      }
    }
  }
}

TEST(WinogradConv, DeclinesWhatItCannotDo) {
  ConvProblem p;
  p.channels_in = p.channels_out = 16, p.height = p.width = 8, p.kernel_h = p.kernel_w = 3, p.stride_h = 2;
  const BlockedLayout in{1, 16, 8, 8, 8, 0}, out{1, 16, 3, 6, 8, 0};
  EXPECT_THROW(WinogradConv(p, in, out, Isa::portable, {}, 1), Error);
}

TEST(TransposedWinogradConv, EqualsTheReference) {
  Philox rng(22);
  for (int i = 0; i < 90; ++i) {
    ConvProblem p;
    p.batch = pick(rng, 1, 2);
    p.channels_in = pick(rng, 1, 50), p.channels_out = pick(rng, 1, 90);
    p.height = pick(rng, 3, 14), p.width = pick(rng, 3, 14);
    p.kernel_h = pick(rng, 3, 4), p.kernel_w = pick(rng, 3, 4);
    p.stride_h = p.stride_w = 2;
    p.pad_top = pick(rng, 0, 3), p.pad_left = pick(rng, 0, 3);
    p.pad_bottom = pick(rng, 0, 3), p.pad_right = pick(rng, 0, 3);
    p.output_pad_h = pick(rng, 0, 1), p.output_pad_w = pick(rng, 0, 1);
    if (p.transposed_height() < 1 || p.transposed_width() < 1) continue;
    p.epilogue = random_epilogue(rng);
    const ConvCase test(rng, p, true);
    TransposedWinogradTuning tuning;
    tuning.size = pick(rng, 0, 1) == 1 ? 5 : 3;
    tuning.blocks = static_cast<int>(pick(rng, 1, 4));
    tuning.tiles = pick(rng, 1, 40);
    tuning.residues = 1 << pick(rng, 0, 2);
    tuning.split_channels = pick(rng, 0, 1) == 1;
    tuning.prefetch_weights = pick(rng, 0, 1) == 1;
    tuning.fresh_weights = pick(rng, 0, 1) == 1;
    const int64_t parts = pick(rng, 1, 3);
    const Halo in_halo = random_halo(rng, 0, 2), out_halo = random_halo(rng, 0, 2);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, in_halo), out = test.out_layout(isa, out_halo);
      const TransposedWinogradConv kernel(p, in, out, isa, tuning, parts);
      EXPECT_LT(test.error(kernel, in, out, parts), tuning.size == 3 ? 2e-5 : 5e-5)
          << kernel.name() << " " << describe(p, isa);
      const TransposedWinogradConv by_rule(p, in, out, isa, TransposedWinogradConv::default_tuning(p), parts);
      EXPECT_LT(test.error(by_rule, in, out, parts), 5e-5) << by_rule.name() << " " << describe(p, isa);
    }
  }
}

TEST(TransposedWinogradConv, DeclinesWhatItCannotDo) {
  ConvProblem p;
  p.channels_in = p.channels_out = 16, p.height = p.width = 8, p.kernel_h = p.kernel_w = 2;
  p.stride_h = p.stride_w = 2;
  const BlockedLayout in{1, 16, 8, 8, 8, 0}, out{1, 16, 16, 16, 8, 0};
  EXPECT_THROW(TransposedWinogradConv(p, in, out, Isa::portable, {}, 1), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
