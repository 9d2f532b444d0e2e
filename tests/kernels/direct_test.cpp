#include "kernels/conv/direct.hpp"

#include "kernels/conv/tap_zones.hpp"
#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

ConvProblem random_problem(Philox& rng) {
  ConvProblem p;
  p.batch = pick(rng, 1, 2);
  p.group = pick(rng, 0, 3) == 0 ? pick(rng, 2, 4) : 1;
  p.channels_in = p.group * pick(rng, 1, 40);
  p.channels_out = p.group * pick(rng, 1, 70);
  p.height = pick(rng, 5, 12);
  p.width = pick(rng, 5, 34);
  p.kernel_h = pick(rng, 1, 3);
  p.kernel_w = pick(rng, 0, 2) == 0 ? pick(rng, 1, 4) : p.kernel_h;
  p.stride_h = pick(rng, 1, 2);
  p.stride_w = pick(rng, 0, 4) == 0 ? 3 : p.stride_h;
  p.dilation_h = pick(rng, 0, 3) == 0 ? 2 : 1;
  p.dilation_w = p.dilation_h;
  p.pad_top = pick(rng, 0, 2), p.pad_left = pick(rng, 0, 2);
  p.pad_bottom = pick(rng, 0, 2), p.pad_right = pick(rng, 0, 2);
  p.epilogue = random_epilogue(rng);
  return p;
}

TileTuning random_tuning(Philox& rng) {
  TileTuning t;
  t.blocks = static_cast<int>(pick(rng, 1, 4));
  t.rows = static_cast<int>(pick(rng, 0, 3) == 0 ? pick(rng, 1, 14) : 28);
  t.band = pick(rng, 1, 6);
  t.channels_outer = pick(rng, 0, 1) == 1;
  t.two_lines = pick(rng, 0, 1) == 1;
  t.prefetch_weights = pick(rng, 0, 1) == 1;
  t.prefetch_input = pick(rng, 0, 1) == 1;
  return t;
}

TEST(DirectConv, EqualsTheReference) {
  Philox rng(11);
  for (int i = 0; i < 150; ++i) {
    ConvProblem p = random_problem(rng);
    if (i % 3 == 0) p.kernel_h = p.kernel_w = p.stride_h = p.stride_w = 1, p.pad_top = p.pad_left = 0;
    if (i % 9 == 0) p.height = 1;
    if (i % 5 == 1) p.height = p.span_h(), p.pad_top = p.pad_bottom = 0;  // one row of output
    const ConvCase test(rng, p);
    const TileTuning tuning = random_tuning(rng);
    const bool flat = p.kernel_h == 1 && p.kernel_w == 1 && p.pad_top + p.pad_left + p.pad_bottom + p.pad_right == 0;
    const Halo in_halo = flat ? random_halo(rng, 0, 1) : random_halo(rng, 2, 3), out_halo = random_halo(rng, 0, 2);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, in_halo), out = test.out_layout(isa, out_halo);
      const DirectConv kernel(p, in, out, isa, tuning);
      EXPECT_LT(test.error(kernel, in, out, pick(rng, 1, 3)), 2e-5) << describe(p, isa);
      const DirectConv by_rule(p, in, out, isa, DirectConv::default_tuning(p, isa));
      EXPECT_LT(test.error(by_rule, in, out, 2), 2e-5) << describe(p, isa);
    }
  }
}

TEST(DirectConv, TwoLineTilesOfNarrowImages) {
  Philox rng(12);
  for (const int64_t width : {1, 3, 5, 7}) {
    ConvProblem p;
    p.channels_in = 32, p.channels_out = 64, p.height = 7, p.width = width;
    p.kernel_h = p.kernel_w = 3, p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 1;
    const ConvCase test(rng, p);
    TileTuning tuning;
    tuning.two_lines = true;
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, 1), out = test.out_layout(isa, 1);
      EXPECT_LT(test.error(DirectConv(p, in, out, isa, tuning), in, out, 2), 2e-5) << describe(p, isa);
    }
  }
}

TEST(DirectConv, LeavesOutTapsInThePadding) {
  Philox rng(14);
  int64_t zoned = 0, without_halo = 0;
  for (int i = 0; i < 120; ++i) {
    ConvProblem p = random_problem(rng);
    p.width = pick(rng, 5, 24);
    p.kernel_h = pick(rng, 1, 4), p.kernel_w = pick(rng, 1, 4);
    p.dilation_h = pick(rng, 1, 14), p.dilation_w = pick(rng, 0, 1) == 0 ? p.dilation_h : pick(rng, 1, 14);
    // As large as keeps the size, or any; a stride may step over the picture.
    const bool same = pick(rng, 0, 2) != 0;
    const auto pad = [&](int64_t span) { return same ? span / 2 : pick(rng, 0, span + 1); };
    p.pad_top = pad(p.span_h()), p.pad_bottom = p.span_h() - std::min(p.span_h(), p.pad_top);
    p.pad_left = pad(p.span_w()), p.pad_right = p.span_w() - std::min(p.span_w(), p.pad_left);
    p.stride_h = pick(rng, 0, 5) == 0 ? 13 : p.stride_h;
    const ConvCase test(rng, p);
    const TileTuning tuning = random_tuning(rng);
    const Halo halo = DirectConv::halo(p);
    zoned += products_left(p) < 1 ? 1 : 0, without_halo += halo == Halo() ? 1 : 0;
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, {halo.h + pick(rng, 0, 2), halo.w + pick(rng, 0, 2)}),
                          out = test.out_layout(isa, pick(rng, 0, 2));
      const DirectConv kernel(p, in, out, isa, tuning);
      EXPECT_LT(test.error(kernel, in, out, pick(rng, 1, 3)), 2e-5) << describe(p, isa);
      const DirectConv by_rule(p, in, out, isa, DirectConv::default_tuning(p, isa));
      EXPECT_LT(test.error(by_rule, in, out, 2), 2e-5) << describe(p, isa);
    }
  }
  EXPECT_GT(zoned, 40);
  EXPECT_GT(without_halo, 20);
}

TEST(TapZones, OfADilationThatReachesOverMostOfThePicture) {
  ConvProblem p;
  p.channels_in = p.channels_out = 16, p.height = p.width = 20, p.kernel_h = p.kernel_w = 3;
  p.dilation_h = p.dilation_w = p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 12;
  EXPECT_EQ(row_zones(p), (std::vector<TapZone>{{0, 8, 1, 3}, {8, 12, 1, 2}, {12, 20, 0, 2}}));
  EXPECT_EQ(column_zones(p), row_zones(p));
  EXPECT_DOUBLE_EQ(products_left(p), 0.36);
  EXPECT_EQ(DirectConv::halo(p), Halo());
  p.dilation_h = p.pad_top = p.pad_bottom = 1;
  EXPECT_EQ(row_zones(p), (std::vector<TapZone>{{0, 20, 0, 3}}));
  EXPECT_EQ(DirectConv::halo(p), Halo(1, 0));
  p.dilation_w = p.pad_left = p.pad_right = 25;
  EXPECT_EQ(column_zones(p), (std::vector<TapZone>{{0, 20, 1, 2}}));
}

TEST(DirectConv, DeclinesAHaloThatIsTooSmall) {
  ConvProblem p;
  p.channels_in = p.channels_out = 16, p.height = p.width = 8, p.kernel_h = p.kernel_w = 3;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 1;
  const BlockedLayout layout{1, 16, 8, 8, 8, 0};
  EXPECT_THROW(DirectConv(p, layout, layout, Isa::portable, {}), Error);
}

TEST(TransposedConv, EqualsTheReference) {
  Philox rng(13);
  for (int i = 0; i < 80; ++i) {
    ConvProblem p = random_problem(rng);
    p.kernel_h = pick(rng, 1, 4), p.kernel_w = pick(rng, 1, 4);
    p.stride_h = pick(rng, 1, 3), p.stride_w = pick(rng, 1, 3);
    p.pad_top = pick(rng, 0, 1), p.pad_left = pick(rng, 0, 1), p.pad_bottom = pick(rng, 0, 1);
    p.pad_right = pick(rng, 0, 1);
    p.output_pad_h = pick(rng, 0, p.stride_h - 1), p.output_pad_w = pick(rng, 0, p.stride_w - 1);
    const ConvCase test(rng, p, true);
    const TileTuning tuning = random_tuning(rng);
    for (const Isa isa : usable_isas()) {
      const BlockedLayout in = test.in_layout(isa, 8), out = test.out_layout(isa, pick(rng, 0, 2));
      EXPECT_LT(test.error(TransposedConv(p, in, out, isa, tuning), in, out, 2), 2e-5) << describe(p, isa);
    }
  }
}

}  // namespace
}  // namespace kiln::kernel_test
