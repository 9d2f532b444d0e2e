#include "tactics/run_tactics.hpp"

namespace kiln::tactic_test {
namespace {

Tensor random_mask(Philox& rng, const Shape& shape, bool boolean) {
  if (!boolean) {
    Tensor mask = random_tensor(rng, shape);
    for (float& x : mask.mutable_elements<float>()) x = pick(rng, 0, 3) == 0 ? -INFINITY : x;
    return mask;
  }
  Tensor mask(DType::boolean, shape);
  for (bool& x : mask.mutable_elements<bool>()) x = pick(rng, 0, 3) != 0;
  return mask;
}

TEST(AttentionTactic, EqualsTheReference) {
  Philox rng(71);
  int taken = 0;
  for (int i = 0; i < 120; ++i) {
    const int64_t batch = pick(rng, 1, 2), kv_heads = pick(rng, 1, 2), heads = kv_heads * pick(rng, 1, 3);
    const int64_t queries = pick(rng, 1, 20), now = pick(rng, 1, 30), size = pick(rng, 1, 20), width = pick(rng, 1, 20);
    NodeCase c;
    c.op_type = "Attention";
    c.opset = static_cast<int>(pick(rng, 23, 25));
    const bool flat = pick(rng, 0, 1) == 1, has_past = pick(rng, 0, 2) == 0;
    const int64_t past = has_past ? pick(rng, 0, 9) : 0, keys = past + now;
    const auto of = [&](int64_t of_heads, int64_t length, int64_t of_size) {
      return random_tensor(rng,
                           flat ? Shape{batch, length, of_heads * of_size} : Shape{batch, of_heads, length, of_size});
    };
    c.inputs = {of(heads, queries, size), of(kv_heads, now, size), of(kv_heads, now, width), {}, {}, {}};
    if (pick(rng, 0, 1) == 1) {
      Shape shape{pick(rng, 0, 1) == 1 ? batch : 1, pick(rng, 0, 1) == 1 ? heads : 1,
                  pick(rng, 0, 1) == 1 ? queries : 1, c.opset >= 24 ? pick(rng, 1, keys) : keys};
      shape.erase(shape.begin(), shape.begin() + pick(rng, 0, 2));
      c.inputs[3] = random_mask(rng, shape, pick(rng, 0, 1) == 1);
    }
    if (has_past) {
      c.inputs[4] = random_tensor(rng, {batch, kv_heads, past, size});
      c.inputs[5] = random_tensor(rng, {batch, kv_heads, past, width});
    } else if (c.opset >= 24 && pick(rng, 0, 2) == 0) {
      Tensor lengths(DType::i64, {batch});
      for (int64_t& length : lengths.mutable_elements<int64_t>()) length = pick(rng, 0, keys);
      c.inputs.push_back(lengths);
    }
    if (flat) c.attributes = {{"q_num_heads", heads}, {"kv_num_heads", kv_heads}};
    c.attributes.push_back({"is_causal", pick(rng, 0, 1)});
    if (pick(rng, 0, 1) == 1) c.attributes.push_back({"scale", 0.3f});
    if (pick(rng, 0, 3) == 0) c.attributes.push_back({"softcap", 1.5f});
    if (c.opset >= 25 && pick(rng, 0, 1) == 1) c.attributes.push_back({"left_window_size", pick(rng, 0, 9)});
    const bool cached = pick(rng, 0, 2) == 0 && c.inputs.size() < 7;
    c.outputs = {true, cached, cached && pick(rng, 0, 3) != 0};
    taken += expect_reference(c, static_cast<int>(pick(rng, 1, 3)));
  }
  EXPECT_EQ(taken, 120);
}

TEST(AttentionTactic, DeclinesScoresAsAnOutput) {
  Philox rng(72);
  NodeCase c;
  c.op_type = "Attention";
  c.opset = 23;
  const Tensor x = random_tensor(rng, {1, 2, 3, 4});
  c.inputs = {x, x, x};
  EXPECT_EQ(expect_reference(c, 1), 1);
  c.outputs = {true, false, false, true};
  EXPECT_EQ(expect_reference(c, 1), 0);
}

}  // namespace
}  // namespace kiln::tactic_test
