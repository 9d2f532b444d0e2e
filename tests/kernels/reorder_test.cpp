#include "kernels/reorder/reorder.hpp"

#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

TEST(Reorder, ThereAndBack) {
  Philox rng(51);
  for (int i = 0; i < 200; ++i) {
    BlockedLayout l{pick(rng, 1, 2),  pick(rng, 1, 40),    pick(rng, 1, 9),
                    pick(rng, 1, 20), pick(rng, 1, 2) * 8, pick(rng, 0, 2)};
    const int64_t parts = pick(rng, 1, 3);
    const Tensor x = random_tensor(rng, {l.n, l.c, l.h, l.w});
    std::vector<float> blocked = rubbish(l.floats());
    for (int64_t part = 0; part < parts; ++part) nchw_to_blocked(x.data<float>(), blocked.data(), l, part, parts);
    EXPECT_TRUE(equal_bits(from_blocked(blocked, l), x));

    BlockedLayout other = l;
    other.halo = pick(rng, 0, 3);
    std::vector<float> moved = rubbish(other.floats());
    for (int64_t part = 0; part < parts; ++part) {
      blocked_to_blocked(blocked.data(), l, moved.data(), other, part, parts);
    }
    EXPECT_TRUE(equal_bits(from_blocked(moved, other), x));

    Tensor back(DType::f32, x.shape());
    for (int64_t part = 0; part < parts; ++part) {
      blocked_to_nchw(moved.data(), other, back.mutable_data<float>(), part, parts);
    }
    EXPECT_TRUE(equal_bits(back, x));
  }
}

TEST(Layout, RefusesNonsense) {
  EXPECT_THROW(check_layout({1, 0, 1, 1, 16, 0}, "x"), Error);
  EXPECT_THROW(check_layout({1, 1, 1, 1, 4, 0}, "x"), Error);
  EXPECT_THROW(check_layout({int64_t{1} << 40, 1, int64_t{1} << 20, 1 << 10, 16, 0}, "x"), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
