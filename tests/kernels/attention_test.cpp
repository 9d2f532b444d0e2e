#include "kernels/attention/blocked_attention.hpp"

#include "kernels/reference.hpp"

namespace kiln::kernel_test {
namespace {

/// A tensor [batch, heads, rows, size] laid out with random distances between heads and rows.
struct Spread {
  HeadStrides strides;
  std::vector<float> data;

  Spread(Philox& rng, int64_t batch, int64_t heads, int64_t rows, int64_t size) {
    const int64_t gap = pick(rng, 0, 1) * pick(rng, 1, 9);
    if (pick(rng, 0, 1) == 1) {
      strides.head = size + gap;
      strides.row = heads * strides.head + gap;
      strides.batch = rows * strides.row;
    } else {
      strides.row = size + gap;
      strides.head = rows * strides.row;
      strides.batch = heads * strides.head;
    }
    data = rubbish(batch * strides.batch);
  }
  float* at(int64_t b, int64_t h, int64_t row) {
    return data.data() + b * strides.batch + h * strides.head + row * strides.row;
  }
};

Spread spread(Philox& rng, const Tensor& x) {
  Spread s(rng, x.dim(0), x.dim(1), x.dim(2), x.dim(3));
  const float* from = x.data<float>();
  for (int64_t i = 0; i < x.dim(0) * x.dim(1) * x.dim(2); ++i, from += x.dim(3)) {
    const int64_t row = i % x.dim(2), head = i / x.dim(2) % x.dim(1), batch = i / x.dim(2) / x.dim(1);
    std::copy_n(from, x.dim(3), s.at(batch, head, row));
  }
  return s;
}

Tensor random_mask(Philox& rng, AttentionProblem& p) {
  const int64_t columns = p.mask_keys < 0 ? p.keys : p.mask_keys;
  const Shape shape{pick(rng, 0, 1) == 1 ? p.batch : 1, pick(rng, 0, 1) == 1 ? p.heads : 1,
                    pick(rng, 0, 1) == 1 ? p.queries : 1, pick(rng, 0, 4) == 0 && p.mask_keys < 0 ? 1 : columns};
  p.mask_column = shape[3] != 1 || p.keys == 1;
  p.mask_strides.row = shape[2] == p.queries ? shape[3] : 0;
  p.mask_strides.head = shape[1] == p.heads ? shape[2] * shape[3] : 0;
  p.mask_strides.batch = shape[0] == p.batch ? shape[1] * shape[2] * shape[3] : 0;
  if (p.mask == MaskKind::additive) {
    Tensor mask = random_tensor(rng, shape, 2);
    for (float& x : mask.mutable_elements<float>()) {
      if (pick(rng, 0, 3) == 0) x = -INFINITY;
    }
    return mask;
  }
  Tensor mask(DType::boolean, shape);
  for (bool& x : mask.mutable_elements<bool>()) x = pick(rng, 0, 2) != 0;
  return mask;
}

/// The mask with all its columns: from opset 24 on, a single one stands for a single key.
Tensor with_columns(const Tensor& mask, const AttentionProblem& p) {
  if (!mask.defined() || p.mask_column != 0) return mask;
  return run_op("Expand", {mask, Tensor::vector<int64_t>({1, 1, 1, p.keys})}, {});
}

void expect_reference(Philox& rng, AttentionProblem p, int64_t query_block, int64_t key_block) {
  const Tensor q = random_tensor(rng, {p.batch, p.heads, p.queries, p.size});
  const Tensor k = random_tensor(rng, {p.batch, p.kv_heads, p.keys, p.size});
  const Tensor v = random_tensor(rng, {p.batch, p.kv_heads, p.keys, p.value_size});
  const Tensor mask = p.mask == MaskKind::none ? Tensor() : random_mask(rng, p);
  Tensor lengths;
  if (p.lengths) {
    lengths = Tensor(DType::i64, {p.batch});
    for (int64_t& length : lengths.mutable_elements<int64_t>()) length = pick(rng, 0, p.keys);
  }
  const Tensor expected = run_node("Attention", 25, {q, k, v, with_columns(mask, p), {}, {}, lengths},
                                   {{"scale", p.scale},
                                    {"softcap", p.softcap},
                                    {"is_causal", int64_t{p.right == 0}},
                                    {"left_window_size", p.left},
                                    {"right_window_size", p.right}})[0];
  Spread to(rng, p.batch, p.heads, p.queries, p.value_size);
  Spread from_q = spread(rng, q), from_k = spread(rng, k), from_v = spread(rng, v);
  p.q = from_q.strides, p.k = from_k.strides, p.v = from_v.strides, p.y = to.strides;
  const int64_t parts = pick(rng, 1, 3);
  for (const Isa isa : usable_isas()) {
    const BlockedAttention kernel(p, isa, query_block, key_block);
    std::vector<float> scratch(static_cast<size_t>(kernel.scratch_floats(parts)), NAN);
    std::fill(to.data.begin(), to.data.end(), 1e9f);
    for (int64_t part = 0; part < parts; ++part) {
      kernel.run_part(0, part, parts,
                      {from_q.data.data(), from_k.data.data(), from_v.data.data(), to.data.data(),
                       mask.defined() ? mask.raw() : nullptr, lengths.defined() ? lengths.data<int64_t>() : nullptr},
                      scratch.data());
    }
    Tensor y(DType::f32, expected.shape());
    float* out = y.mutable_data<float>();
    for (int64_t i = 0; i < p.batch * p.heads * p.queries; ++i, out += p.value_size) {
      float* const row = to.at(i / p.queries / p.heads, i / p.queries % p.heads, i % p.queries);
      std::copy_n(row, p.value_size, out);
      std::fill_n(row, p.value_size, 1e9f);
    }
    EXPECT_LT(worst_error(y, expected), 2e-5)
        << kernel.name() << " batch " << p.batch << " heads " << p.heads << "/" << p.kv_heads << " " << p.queries
        << " x " << p.keys << " sizes " << p.size << ", " << p.value_size << " mask " << static_cast<int>(p.mask)
        << " window " << p.left << ", " << p.right << " softcap " << p.softcap << " lengths " << p.lengths;
    EXPECT_EQ(std::count(to.data.begin(), to.data.end(), 1e9f), static_cast<int64_t>(to.data.size()))
        << "written beside the output";
  }
}

TEST(BlockedAttention, EqualsTheReference) {
  Philox rng(51);
  for (int i = 0; i < 150; ++i) {
    AttentionProblem p;
    p.batch = pick(rng, 1, 2), p.kv_heads = pick(rng, 1, 3), p.heads = p.kv_heads * pick(rng, 1, 2);
    p.queries = i % 4 == 0 ? pick(rng, 1, 3) : pick(rng, 1, 60), p.keys = pick(rng, 1, 90);
    p.size = pick(rng, 1, 40), p.value_size = pick(rng, 1, 70);
    p.scale = 1 / std::sqrt(static_cast<float>(p.size));
    p.softcap = pick(rng, 0, 4) == 0 ? 2.0f : 0.0f;
    p.mask = static_cast<MaskKind>(pick(rng, 0, 2));
    if (p.mask != MaskKind::none && pick(rng, 0, 3) == 0) p.mask_keys = pick(rng, 1, p.keys);
    p.right = pick(rng, 0, 1) == 1 ? -1 : pick(rng, 0, 1) * pick(rng, 0, 9);
    p.left = pick(rng, 0, 2) != 0 ? -1 : pick(rng, 0, 30);
    p.lengths = pick(rng, 0, 3) == 0;
    expect_reference(rng, p, pick(rng, 0, 1) * pick(rng, 1, 20), pick(rng, 0, 1) * pick(rng, 1, 40));
  }
}

TEST(BlockedAttention, LongSequencesGoInBlocks) {
  Philox rng(52);
  for (const int64_t right : {-1, 0}) {
    AttentionProblem p;
    p.heads = p.kv_heads = 2, p.queries = 130, p.keys = 1100, p.size = 32, p.value_size = 48, p.scale = 0.2f;
    p.right = right;
    expect_reference(rng, p, 0, 0);
  }
}

TEST(BlockedAttention, SharpScoresAndBlocksOfAnotherScale) {
  Philox rng(53);
  AttentionProblem p;
  p.heads = p.kv_heads = 2, p.queries = 40, p.keys = 200, p.size = 16, p.value_size = 16, p.scale = 30;
  expect_reference(rng, p, 16, 32);
}

TEST(BlockedAttention, NothingToSee) {
  AttentionProblem p;
  p.queries = 3, p.keys = 0, p.size = 4, p.value_size = 5, p.y = {15, 15, 5};
  for (const Isa isa : usable_isas()) {
    const BlockedAttention kernel(p, isa);
    std::vector<float> scratch(static_cast<size_t>(kernel.scratch_floats(1)), NAN), q(12, 1), y = rubbish(15);
    kernel.run_part(0, 0, 1, {q.data(), nullptr, nullptr, y.data()}, scratch.data());
    EXPECT_EQ(y, std::vector<float>(15, 0.0f));
  }
}

}  // namespace
}  // namespace kiln::kernel_test
