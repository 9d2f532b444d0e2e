#include "kernels/reorder/reorder.hpp"

#include "kernels/reference.hpp"
#include "kernels/reorder/blocked_concat.hpp"

namespace kiln::kernel_test {
namespace {

/// The tensor with its channels last.
Tensor channels_last(const Tensor& x) { return run_op("Transpose", {x}, {{"perm", {0, 2, 3, 1}}}); }

BlockedLayout random_layout(Philox& rng, Isa isa) {
  const int64_t most_channels = pick(rng, 0, 3) == 0 ? 5 : 50, most_width = pick(rng, 0, 5) == 0 ? 150 : 20;
  BlockedLayout l{pick(rng, 1, 2), pick(rng, 1, most_channels), pick(rng, 1, 9), pick(rng, 1, most_width)};
  l.block = block_of(isa);
  l.halo = random_halo(rng, 0, 2);
  return l;
}

/// Calls body(part, parts) for one to three parts, the last first.
template <class Body>
void each_part(Philox& rng, Body&& body) {
  const int64_t parts = pick(rng, 1, 3);
  for (int64_t part = parts; part-- > 0;) body(part, parts);
}

TEST(Reorder, ThereAndBack) {
  Philox rng(51);
  for (const Isa isa : usable_isas()) {
    for (int i = 0; i < 200; ++i) {
      const BlockedLayout l = random_layout(rng, isa);
      const Tensor x = random_tensor(rng, {l.n, l.c, l.h, l.w}), last = channels_last(x);
      std::vector<float> blocked = rubbish(l.floats());
      each_part(rng, [&](int64_t part, int64_t parts) {
        nchw_to_blocked(x.data<float>(), blocked.data(), l, part, parts, isa);
      });
      EXPECT_TRUE(equal_bits(from_blocked(blocked, l), x));
      std::vector<float> again = rubbish(l.floats());
      each_part(rng, [&](int64_t part, int64_t parts) {
        nhwc_to_blocked(last.data<float>(), again.data(), l, part, parts, isa);
      });
      EXPECT_EQ(again, blocked);

      BlockedLayout other = l;
      other.halo = random_halo(rng, 0, 3);
      std::vector<float> moved = rubbish(other.floats());
      each_part(rng, [&](int64_t part, int64_t parts) {
        blocked_to_blocked(blocked.data(), l, moved.data(), other, part, parts);
      });
      EXPECT_TRUE(equal_bits(from_blocked(moved, other), x));

      Tensor back(DType::f32, x.shape()), back_last(DType::f32, last.shape());
      each_part(rng, [&](int64_t part, int64_t parts) {
        blocked_to_nchw(moved.data(), other, back.mutable_data<float>(), part, parts, isa);
        blocked_to_nhwc(moved.data(), other, back_last.mutable_data<float>(), part, parts, isa);
      });
      EXPECT_TRUE(equal_bits(back, x));
      EXPECT_TRUE(equal_bits(back_last, last));
    }
  }
}

TEST(Reorder, ConcatenatesBlocks) {
  Philox rng(52);
  for (const Isa isa : usable_isas()) {
    for (int i = 0; i < 200; ++i) {
      BlockedLayout out = random_layout(rng, isa);
      out.c = 0;
      std::vector<BlockedPart> inputs;
      std::vector<std::vector<float>> blocked;
      std::vector<Tensor> slices;
      std::vector<const void*> pointers;
      for (int64_t count = pick(rng, 1, i % 10 == 0 ? 20 : 4); count > 0; --count) {
        BlockedPart input{out};
        input.layout.c = pick(rng, 1, 3) * (pick(rng, 0, 1) == 0 ? out.block : 1) + pick(rng, 0, 1) * pick(rng, 0, 20);
        input.layout.halo = random_halo(rng, 0, 2);
        const bool whole = pick(rng, 0, 2) > 0;
        input.first = whole ? 0 : pick(rng, 0, input.layout.c - 1);
        input.channels = whole ? input.layout.c : pick(rng, 1, input.layout.c - input.first);
        // Every other input is a view of a wider tensor.
        if (pick(rng, 0, 1) == 0) input.layout.image_blocks = input.layout.blocks() + pick(rng, 0, 2);
        const Tensor x = random_tensor(rng, {out.n, input.layout.c, out.h, out.w});
        slices.push_back(run_op("Slice",
                                {x, Tensor::vector<int64_t>({input.first}),
                                 Tensor::vector<int64_t>({input.first + input.channels}), Tensor::vector<int64_t>({1})},
                                {}));
        blocked.push_back(to_blocked(x, input.layout));
        out.c += input.channels;
        input.input = inputs.size();
        inputs.push_back(input);
      }
      for (const auto& x : blocked) pointers.push_back(x.data());
      const Tensor expected = run_op("Concat", slices, {}, {{"axis", 1}});
      const BlockedConcat concat(inputs, out, isa);
      std::vector<float> result = rubbish(out.floats());
      each_part(rng,
                [&](int64_t part, int64_t parts) { concat.run_part(part, parts, pointers.data(), result.data()); });
      ASSERT_TRUE(equal_bits(from_blocked(result, out), expected))
          << isa_name(isa) << ", " << inputs.size() << " inputs";
    }
  }
}

TEST(Layout, RefusesNonsense) {
  EXPECT_THROW(check_layout({1, 0, 1, 1, 16, 0}, "x"), Error);
  EXPECT_THROW(check_layout({1, 1, 1, 1, 4, 0}, "x"), Error);
  EXPECT_THROW(check_layout({int64_t{1} << 40, 1, int64_t{1} << 20, 1 << 10, 16, 0}, "x"), Error);
}

}  // namespace
}  // namespace kiln::kernel_test
