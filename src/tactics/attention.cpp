#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/attention/blocked_attention.hpp"
#include "ops/support/heads.hpp"
#include "tactics/tactics.hpp"

namespace kiln {
namespace {

enum Input : size_t { query, key, value, attn_mask, past_key, past_value, nonpad_kv_seqlen };
enum Output : size_t { result, present_key, present_value, scores };

/// Keys or values: what the cache has, and what is new.
struct Cached {
  ops::HeadLayout now;
  int64_t past = 0;
  bool joined = false;  ///< the kernel reads them from the output `present_...` or from scratch, where both are joined

  int64_t length() const { return past + now.length; }
  int64_t floats() const { return now.batch * now.heads * length() * now.size; }
  HeadStrides strides() const {
    if (!joined) return {now.batch_stride, now.head_stride, now.row_stride};
    const int64_t head = length() * now.size;
    return {now.heads * head, head, now.size};
  }
};

Cached cached(const Problem& p, size_t index, size_t past_index, size_t present_index) {
  Cached c;
  c.now = ops::head_layout(p.inputs[index].shape, p.view().attr_int("kv_num_heads", 0), "K or V");
  if (p.has_input(past_index)) c.past = p.inputs[past_index].shape[2];
  c.joined = p.has_input(past_index) || (present_index < p.outputs.size() && p.outputs[present_index].is_given());
  return c;
}

/// The mask's strides; from opset 24 on it may have fewer columns than there are keys.
std::string read_mask(const Problem& p, AttentionProblem& a) {
  if (!p.has_input(attn_mask)) return "";
  const TensorSpec& mask = p.inputs[attn_mask];
  if (mask.dtype == DType::f32) {
    a.mask = MaskKind::additive;
  } else if (mask.dtype == DType::boolean) {
    a.mask = MaskKind::boolean;
  } else {
    return "a mask that is neither f32 nor bool";
  }
  const Shape& shape = mask.shape;
  const Shape full{a.batch, a.heads, a.queries, a.keys};
  if (shape.size() > 4) return "a mask of a rank above 4";
  const bool pads = p.view().version() >= 24 && !shape.empty() && shape.back() < a.keys;
  if (pads) a.mask_keys = shape.back();
  int64_t* const strides[] = {&a.mask_strides.batch, &a.mask_strides.head, &a.mask_strides.row, &a.mask_column};
  a.mask_column = 0;
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    const size_t axis = 4 - shape.size() + i;
    if (shape[i] == full[axis] || (axis == 3 && pads)) {
      *strides[axis] = stride;
    } else if (shape[i] != 1) {
      return "a mask that does not broadcast";
    }
    stride *= shape[i];
  }
  return "";
}

/// What the kernel is to do, or why it cannot.
std::string read_problem(const Problem& p, AttentionProblem& a) {
  const NodeView node = p.view();
  if (p.group->nodes.size() != 1) return "something fused";
  for (const size_t index : {query, key, value, past_key, past_value}) {
    if (p.has_input(index) && !is_f32(p.inputs[index])) return "not f32";
  }
  if (scores < p.outputs.size() && p.outputs[scores].is_given()) return "the scores are an output";
  if (node.attr_int("softmax_precision", 1) != 1) return "a softmax of another precision";
  const ops::HeadLayout q = ops::head_layout(p.inputs[query].shape, node.attr_int("q_num_heads", 0), "Q");
  const Cached k = cached(p, key, past_key, present_key), v = cached(p, value, past_value, present_value);
  a.batch = q.batch, a.heads = q.heads, a.kv_heads = k.now.heads;
  a.queries = q.length, a.keys = k.length(), a.size = q.size, a.value_size = v.now.size;
  if (k.now.batch != q.batch || v.now.batch != q.batch || v.now.heads != a.kv_heads || v.length() != a.keys ||
      k.now.size != a.size || a.size < 1 || a.value_size < 1 || a.kv_heads < 1 || a.heads % a.kv_heads != 0) {
    return "shapes that do not fit";
  }
  a.q = {q.batch_stride, q.head_stride, q.row_stride};
  a.k = k.strides(), a.v = v.strides();
  const int64_t width = a.value_size;
  a.y = p.inputs[query].shape.size() == 3 ? HeadStrides{q.length * q.heads * width, width, q.heads * width}
                                          : HeadStrides{q.heads * q.length * width, q.length * width, width};
  a.scale = node.has_attribute("scale") ? node.attr_float("scale") : 1 / std::sqrt(static_cast<float>(a.size));
  if (!(a.scale >= 0)) return "a negative scale";
  a.softcap = node.attr_float("softcap");
  a.left = node.attr_int("left_window_size", -1);
  a.right = node.attr_int("right_window_size", -1);
  if (node.attr_int("is_causal") != 0) a.right = 0;
  a.first_position = k.past;
  a.lengths = p.has_input(nonpad_kv_seqlen);
  if (a.lengths && p.inputs[nonpad_kv_seqlen].shape != Shape{a.batch}) return "lengths that are not one for each batch";
  return read_mask(p, a);
}

AttentionProblem attention_problem(const Problem& p) {
  AttentionProblem a;
  read_problem(p, a);
  return a;
}

/// Where the rows of an input lie apart, its batches do so as well.
void spread(const TensorLayout& layout, int64_t length, int64_t& batch, int64_t& row) {
  if (layout.row == 0) return;
  row = layout.row;
  batch = length * layout.row;
}

BlockedAttention make_kernel(const Problem& p, const Layouts& l, const Tuning& t) {
  AttentionProblem a = attention_problem(p);
  spread(l.inputs[query], a.queries, a.q.batch, a.q.row);
  if (!cached(p, key, past_key, present_key).joined) spread(l.inputs[key], a.keys, a.k.batch, a.k.row);
  if (!cached(p, value, past_value, present_value).joined) spread(l.inputs[value], a.keys, a.v.batch, a.v.row);
  return {a, p.isa, t.numbers[0], t.numbers[1]};
}

/// Q, K and V as [batch, length, heads * size].
uint32_t strided_inputs(const Problem& p) {
  uint32_t mask = 0;
  for (const size_t index : {query, key, value}) mask |= p.inputs[index].shape.size() == 3 ? 1u << index : 0u;
  return mask;
}

class AttentionWork final : public Work {
 public:
  AttentionWork(const Problem& p, const Layouts& layouts, const Tuning& tuning)
      : kernel_(make_kernel(p, layouts, tuning)),
        keys_(cached(p, key, past_key, present_key)),
        values_(cached(p, value, past_value, present_value)),
        has_mask_(p.has_input(attn_mask)),
        has_lengths_(p.has_input(nonpad_kv_seqlen)) {
    spread(layouts.inputs[key], keys_.now.length, keys_.now.batch_stride, keys_.now.row_stride);
    spread(layouts.inputs[value], values_.now.length, values_.now.batch_stride, values_.now.row_stride);
    const auto is_output = [&](size_t index) { return index < p.outputs.size() && p.outputs[index].is_given(); };
    keys_are_output_ = is_output(present_key), values_are_output_ = is_output(present_value);
    if (keys_.joined && !keys_are_output_) key_floats_ = divide_up(keys_.floats(), 16) * 16;
    if (values_.joined && !values_are_output_) value_floats_ = divide_up(values_.floats(), 16) * 16;
  }
  std::string name() const override { return kernel_.name(); }
  int64_t scratch_floats(int64_t parts) const override {
    return key_floats_ + value_floats_ + kernel_.scratch_floats(parts);
  }
  int64_t phases() const override { return joins() + kernel_.phases(); }
  void run_part(int64_t phase, int64_t part, int64_t parts, const WorkPointers& p) const override {
    float* const keys = keys_are_output_ ? static_cast<float*>(p.outputs[present_key]) : p.scratch;
    float* const values = values_are_output_ ? static_cast<float*>(p.outputs[present_value]) : p.scratch + key_floats_;
    if (joins() && phase == 0) {
      join(keys_, p, key, past_key, part, parts, keys);
      join(values_, p, value, past_value, part, parts, values);
      return;
    }
    AttentionPointers a;
    a.q = static_cast<const float*>(p.inputs[query]);
    a.k = keys_.joined ? keys : static_cast<const float*>(p.inputs[key]);
    a.v = values_.joined ? values : static_cast<const float*>(p.inputs[value]);
    a.y = static_cast<float*>(p.outputs[result]);
    if (has_mask_) a.mask = p.inputs[attn_mask];
    if (has_lengths_) a.lengths = static_cast<const int64_t*>(p.inputs[nonpad_kv_seqlen]);
    kernel_.run_part(0, part, parts, a, p.scratch + key_floats_ + value_floats_);
  }

 private:
  bool joins() const { return keys_.joined || values_.joined; }

  /// The cache and what is new, one after the other in each head.
  static void join(const Cached& c, const WorkPointers& p, size_t index, size_t past_index, int64_t part, int64_t parts,
                   float* to) {
    if (!c.joined) return;
    const int64_t size = c.now.size, length = c.length();
    const auto [begin, end] = part_range(c.now.batch * c.now.heads, part, parts);
    for (int64_t head = begin; head < end; ++head) {
      float* out = to + head * length * size;
      if (c.past > 0) {
        const float* const past = static_cast<const float*>(p.inputs[past_index]) + head * c.past * size;
        out = std::copy_n(past, c.past * size, out);
      }
      const float* const now = static_cast<const float*>(p.inputs[index]);
      for (int64_t row = 0; row < c.now.length; ++row) {
        out = std::copy_n(now + c.now.at(head / c.now.heads, head % c.now.heads, row), size, out);
      }
    }
  }

  BlockedAttention kernel_;
  Cached keys_, values_;
  bool has_mask_, has_lengths_, keys_are_output_ = false, values_are_output_ = false;
  int64_t key_floats_ = 0, value_floats_ = 0;  ///< of scratch, where they are joined there
};

double attention_cost(const Problem& p, const Tuning&) {
  const AttentionProblem a = attention_problem(p);
  const double seen = a.right == 0 && a.queries == a.keys ? 0.6 : 1;
  const double rows = static_cast<double>(a.batch * a.heads * a.queries) * seen;
  return arithmetic_seconds(rows * static_cast<double>(a.keys * (a.size + a.value_size)), p.isa, 0.75) +
         memory_seconds(2 * bytes_moved(p));
}

}  // namespace

namespace tactics {

constinit const Tactic attention_blocked{
    .name = "attention_blocked",
    .declines =
        [](const Problem& p) {
          AttentionProblem a;
          return read_problem(p, a);
        },
    .formats = plain_only,
    // Queries and keys of a block; 0 lets the kernel choose.
    .tunings =
        [](const Problem&) {
          return std::vector<Tuning>{Tuning{}, Tuning{{28, 1024}}, Tuning{{64, 512}}};
        },
    .cost = attention_cost,
    .prepare = [](const Problem& p, const Layouts& l, const Tuning& t) -> std::unique_ptr<Work> {
      return std::make_unique<AttentionWork>(p, l, t);
    },
    .strided = strided_inputs,
};

}  // namespace tactics
}  // namespace kiln
