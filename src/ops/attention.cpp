#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/heads.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText attention_versions[] = {
    {23,
     "Q:T1 K:T1 V:T2 attn_mask?:U past_key?:T1 past_value?:T2 -> Y:T1 present_key?:T1 present_value?:T2 "
     "qk_matmul_output?:T1",
     "is_causal:int=0 kv_num_heads:int q_num_heads:int qk_matmul_output_mode:int=0 scale:float "
     "softcap:float=0 softmax_precision:int",
     "T1=real,bf16 T2=real,bf16 U=numeric,bf16,bool"},
    {24,
     "Q:T1 K:T1 V:T2 attn_mask?:U past_key?:T1 past_value?:T2 nonpad_kv_seqlen?:i64 -> Y:T1 present_key?:T1 "
     "present_value?:T2 qk_matmul_output?:T1",
     "is_causal:int=0 kv_num_heads:int q_num_heads:int qk_matmul_output_mode:int=0 scale:float "
     "softcap:float=0 softmax_precision:int",
     "T1=real,bf16 T2=real,bf16 U=numeric,bf16,bool"},
    {25,
     "Q:T1 K:T1 V:T2 attn_mask?:U past_key?:T1 past_value?:T2 nonpad_kv_seqlen?:i64 -> Y:T1 present_key?:T1 "
     "present_value?:T2 qk_matmul_output?:T1",
     "is_causal:int=0 kv_num_heads:int left_window_size:int=-1 q_num_heads:int qk_matmul_output_mode:int=0 "
     "right_window_size:int=-1 scale:float softcap:float=0 softmax_precision:int",
     "T1=real,bf16 T2=real,bf16 U=numeric,bf16,bool"},
};

enum Input : size_t { query, key, value, attn_mask, past_key, past_value, nonpad_kv_seqlen };

/// What goes to the output qk_matmul_output.
enum class Expose : int64_t { product, softcapped, biased, probabilities };

void check_inputs(const NodeView& node, bool has_past_key, bool has_past_value, bool has_lengths) {
  if (has_past_key != has_past_value) {
    fail(ErrorCode::invalid_argument, "past_key and past_value must be given together");
  }
  if (has_lengths && has_past_key) {
    fail(ErrorCode::invalid_argument, "nonpad_kv_seqlen cannot be combined with past_key and past_value");
  }
  for (const char* name : {"left_window_size", "right_window_size"}) {
    const int64_t size = node.attr_int(name, -1);
    if (size < -1) fail(ErrorCode::invalid_argument, "{} must be -1 or not negative, found {}", name, size);
  }
  const int64_t mode = node.attr_int("qk_matmul_output_mode");
  if (mode < 0 || mode > 3) fail(ErrorCode::invalid_argument, "qk_matmul_output_mode must be 0 to 3, found {}", mode);
}

void check_head_attributes(const NodeView& node, size_t rank) {
  const bool given = node.has_attribute("q_num_heads") || node.has_attribute("kv_num_heads");
  if (rank == 4 && given && node.version() >= 25) {
    fail(ErrorCode::invalid_argument, "q_num_heads and kv_num_heads must not be given for inputs of rank 4");
  }
  if (rank == 3 && !(node.has_attribute("q_num_heads") && node.has_attribute("kv_num_heads"))) {
    fail(ErrorCode::invalid_argument, "inputs of rank 3 need the attributes q_num_heads and kv_num_heads");
  }
}

HeadDims infer_heads(InferContext& c, size_t index, const char* what) {
  if (!c.shape(index)) return {};
  return head_dims(*c.shape(index), c.attr_int(index == query ? "q_num_heads" : "kv_num_heads", 0), what);
}

/// The cache behind an input, checked against what comes now; its length is 0 without one.
Dim infer_past(InferContext& c, size_t index, HeadDims& now) {
  if (!c.has_input(index)) return Dim(0);
  if (!c.shape(index)) return Dim();
  const SymShape& past = *c.shape(index);
  if (past.size() != 4)
    fail(ErrorCode::invalid_argument, "past keys and values must have rank 4, found {}", past.size());
  now.batch = merge_dims(now.batch, past[0], "batch sizes");
  now.heads = merge_dims(now.heads, past[1], "numbers of key and value heads");
  now.size = merge_dims(now.size, past[3], "head sizes");
  return past[2];
}

void infer_attention(InferContext& c) {
  check_inputs(c, c.has_input(past_key), c.has_input(past_value), c.has_input(nonpad_kv_seqlen));
  if (c.version() >= 25 && c.has_input(nonpad_kv_seqlen) && c.output_count() > 1 &&
      (c.node().outputs[1] != no_value || (c.output_count() > 2 && c.node().outputs[2] != no_value))) {
    fail(ErrorCode::invalid_argument, "nonpad_kv_seqlen cannot be combined with present_key and present_value");
  }
  precision_of(c, DType::f32);
  const SymShape* shape = c.shape(query);
  if (shape) check_head_attributes(c, shape->size());
  HeadDims q = infer_heads(c, query, "Q"), k = infer_heads(c, key, "K"), v = infer_heads(c, value, "V");
  const Dim past = merge_dims(infer_past(c, past_key, k), infer_past(c, past_value, v), "past sequence lengths");
  k.heads = v.heads = merge_dims(k.heads, v.heads, "numbers of key and value heads");
  k.length = v.length = merge_dims(k.length, v.length, "sequence lengths of K and V");
  q.size = k.size = merge_dims(q.size, k.size, "head sizes of Q and K");
  q.batch = k.batch = v.batch = merge_dims(q.batch, merge_dims(k.batch, v.batch, "batch sizes"), "batch sizes");
  if (q.heads.is_known() && k.heads.is_known()) check_head_groups(q.heads.value(), k.heads.value());
  const Dim total = past + k.length;
  std::optional<SymShape> y;
  if (shape && shape->size() == 4) y = SymShape{q.batch, q.heads, q.length, v.size};
  if (shape && shape->size() == 3) y = SymShape{q.batch, q.length, q.heads * v.size};
  c.set_output(0, c.dtype(query), y);
  c.set_output(1, c.dtype(key), SymShape{k.batch, k.heads, total, k.size});
  c.set_output(2, c.dtype(value), SymShape{v.batch, v.heads, total, v.size});
  c.set_output(3, c.dtype(query), SymShape{q.batch, q.heads, q.length, total});
}

/// One call, with everything that does not depend on the element types.
struct Problem {
  HeadLayout q, k, v;     ///< k and v with the cache before them
  DType type, precision;  ///< of Q, and of the softmax
  double scale, softcap;  ///< the scale is the root that multiplies both Q and K
  Expose expose;
  bool causal;
  int64_t left, right;          ///< window sizes, -1 without a bound
  std::vector<int64_t> valid;   ///< of each instance of the batch: how many keys are no padding
  std::vector<int64_t> offset;  ///< and how many keys come before its first query
  int64_t mask_steps[4] = {0, 0, 0, 0};
  int64_t mask_columns = 0;  ///< keys beyond these are masked
};

/// The cache and what comes now, one after the other along the sequence.
Tensor with_past(EvalContext& c, size_t past_index, size_t index, const HeadLayout& now) {
  const Tensor& tensor = c.input(index);
  const Tensor* past = c.has_input(past_index) ? &c.input(past_index) : nullptr;
  if (!past && tensor.rank() == 4) return tensor;
  const Shape expected{now.batch, now.heads, past && past->rank() == 4 ? past->dim(2) : 0, now.size};
  if (past && past->shape() != expected) {
    fail(ErrorCode::invalid_argument,
         "past keys and values must be [batch,heads,past length,head size], found {} with {}", to_string(past->shape()),
         to_string(tensor.shape()));
  }
  const int64_t before = expected[2] * now.size, step = before + now.length * now.size;
  Tensor result = c.host().allocate(tensor.dtype(), {now.batch, now.heads, expected[2] + now.length, now.size});
  dispatch(FloatTypes{}, tensor.dtype(), [&]<class T> {
    T* to = result.mutable_data<T>();
    for (int64_t head = 0; head < now.batch * now.heads; ++head) {
      if (past) std::copy_n(past->data<T>() + head * before, before, to + head * step);
      for (int64_t row = 0; row < now.length; ++row) {
        const T* from = tensor.data<T>() + now.at(head / now.heads, head % now.heads, row);
        std::copy_n(from, now.size, to + head * step + before + row * now.size);
      }
    }
  });
  return result;
}

void check_shapes(const HeadLayout& q, const HeadLayout& k, const HeadLayout& v) {
  check_head_groups(q.heads, k.heads);
  if (q.batch != k.batch || q.batch != v.batch || q.size != k.size || k.heads != v.heads || k.length != v.length) {
    fail(ErrorCode::invalid_argument, "Q, K and V do not fit: as [batch,heads,length,size] they are {}, {} and {}",
         to_string(q.unpacked()), to_string(k.unpacked()), to_string(v.unpacked()));
  }
}

void read_lengths(EvalContext& c, Problem& problem) {
  const int64_t past = c.has_input(past_key) ? c.input(past_key).dim(2) : 0;
  problem.valid.assign(static_cast<size_t>(problem.q.batch), problem.k.length);
  problem.offset.assign(static_cast<size_t>(problem.q.batch), past);
  if (!c.has_input(nonpad_kv_seqlen)) return;
  const std::vector<int64_t> lengths = c.input_ints(nonpad_kv_seqlen);
  if (lengths.size() != problem.valid.size()) {
    fail(ErrorCode::invalid_argument, "nonpad_kv_seqlen must have {} elements, found {}", problem.valid.size(),
         lengths.size());
  }
  for (size_t b = 0; b < lengths.size(); ++b) {
    problem.valid[b] = std::clamp<int64_t>(lengths[b], 0, problem.k.length);
    // Bounded so that no sum overflows; beyond these bounds every key is masked or none is.
    problem.offset[b] = std::clamp<int64_t>(lengths[b], -1, problem.k.length + problem.q.length) - problem.q.length;
  }
}

/// From version 24 on a mask may be shorter than the keys, and what it leaves out is masked.
void read_mask(EvalContext& c, Problem& problem) {
  if (!c.has_input(attn_mask)) return;
  const Shape& shape = c.input(attn_mask).shape();
  const Shape full{problem.q.batch, problem.q.heads, problem.q.length, problem.k.length};
  if (shape.size() > 4) fail(ErrorCode::invalid_argument, "attn_mask has rank {}, at most 4 is expected", shape.size());
  const bool pads = c.version() >= 24 && !shape.empty() && shape.back() < full[3];
  problem.mask_columns = pads ? shape.back() : full[3];
  const std::vector<int64_t> strides = row_major_strides(shape);
  for (size_t i = 0; i < shape.size(); ++i) {
    const size_t axis = 4 - shape.size() + i;
    if (shape[i] == full[axis] || (axis == 3 && pads)) {
      problem.mask_steps[axis] = strides[i];
    } else if (shape[i] != 1) {
      fail(ErrorCode::invalid_argument, "attn_mask of shape {} does not broadcast to {}", to_string(shape),
           to_string(full));
    }
  }
}

template <class Compute>
using Mask = Widened<Compute, Join<NumericTypes, Types<bool>>>;

/// What is added to the scores of one query: the mask, and -inf for keys that it must not see. True when it sees none.
template <class Compute>
bool fill_bias(const Problem& problem, const Mask<Compute>& mask, bool boolean, int64_t b, int64_t h, int64_t i,
               std::vector<Compute>& bias) {
  const Compute hidden = -std::numeric_limits<Compute>::infinity();
  const int64_t* steps = problem.mask_steps;
  const int64_t start = b * steps[0] + h * steps[1] + i * steps[2];
  const int64_t position = i + problem.offset[b];
  bool sees_none = true;
  for (int64_t j = 0; j < problem.k.length; ++j) {
    Compute sum = 0;
    if (mask.data()) {
      sum = j < problem.mask_columns ? mask[start + j * steps[3]] : hidden;
      if (boolean && j < problem.mask_columns) sum = sum != 0 ? Compute{0} : hidden;
    }
    const bool seen = j < problem.valid[b] && (!problem.causal || j <= position) &&
                      (problem.left < 0 || position - j <= problem.left) &&
                      (problem.right < 0 || j - position <= problem.right);
    bias[j] = seen ? sum : sum + hidden;
    sees_none = sees_none && bias[j] == hidden;
  }
  round_through(problem.type, bias.data(), problem.k.length);
  return sees_none;
}

template <class Compute>
void cap_scores(const Problem& problem, std::vector<Compute>& scores) {
  if (problem.softcap == 0) return;
  const auto count = static_cast<int64_t>(scores.size());
  const Compute cap = round_through(problem.type, static_cast<Compute>(problem.softcap));
  for (Compute& score : scores) score /= cap;
  round_through(problem.type, scores.data(), count);
  for (Compute& score : scores) score = std::tanh(score);
  round_through(problem.type, scores.data(), count);
  for (Compute& score : scores) score *= cap;
  round_through(problem.type, scores.data(), count);
}

/// The buffers of one thread.
template <class Compute>
struct Scratch {
  std::vector<Compute> query, scores, bias, out;
  std::vector<double> sums;
  explicit Scratch(const Problem& p) : query(p.q.size), scores(p.k.length), bias(p.k.length), out(p.v.size) {}
};

template <class Compute>
struct Operands {
  Widened<Compute> q, v;
  std::vector<Compute> keys;  ///< scaled and transposed
  Mask<Compute> mask;
  bool boolean_mask = false;
};

template <class Compute>
void attend(const Problem& problem, const Operands<Compute>& operands, int64_t row, Scratch<Compute>& scratch,
            Tensor& y, Tensor* exposed) {
  const HeadLayout &q = problem.q, &k = problem.k, &v = problem.v;
  const int64_t i = row % q.length, h = row / q.length % q.heads, b = row / q.length / q.heads;
  const int64_t shared = h / (q.heads / k.heads);
  const auto scale = round_through(problem.type, static_cast<Compute>(problem.scale));
  auto expose = [&](Expose stage) {
    if (exposed && problem.expose == stage) narrow_into(scratch.scores.data(), k.length, *exposed, row * k.length);
  };
  for (int64_t e = 0; e < q.size; ++e) scratch.query[e] = operands.q[q.at(b, h, i) + e] * scale;
  round_through(problem.type, scratch.query.data(), q.size);
  const Compute* keys = operands.keys.data() + (b * k.heads + shared) * k.size * k.length;
  weighted_sum(scratch.query.data(), keys, k.size, k.length, k.length, problem.type, scratch.sums,
               scratch.scores.data());
  expose(Expose::product);
  cap_scores(problem, scratch.scores);
  expose(Expose::softcapped);
  const bool sees_none = fill_bias(problem, operands.mask, operands.boolean_mask, b, h, i, scratch.bias);
  for (int64_t j = 0; j < k.length; ++j) scratch.scores[j] += scratch.bias[j];
  round_through(problem.type, scratch.scores.data(), k.length);
  expose(Expose::biased);
  if (sees_none) {
    std::fill(scratch.scores.begin(), scratch.scores.end(), Compute{0});
  } else {
    softmax_row(problem.precision, scratch.scores.data(), k.length);
    round_through(problem.type, scratch.scores.data(), k.length);
  }
  expose(Expose::probabilities);
  weighted_sum(scratch.scores.data(), operands.v.data() + v.at(b, shared, 0), v.length, v.row_stride, v.size,
               problem.type, scratch.sums, scratch.out.data());
  const bool packed = y.rank() == 3;
  narrow_into(scratch.out.data(), v.size, y, (packed ? (b * q.length + i) * q.heads + h : row) * v.size);
}

template <class Compute>
void run_attention(EvalContext& c, const Problem& problem, const Tensor& keys, const Tensor& values) {
  const HeadLayout &q = problem.q, &k = problem.k, &v = problem.v;
  Operands<Compute> operands;
  operands.q = Widened<Compute>(c.input(query));
  operands.v = Widened<Compute>(values);
  const auto scale = round_through(problem.type, static_cast<Compute>(problem.scale));
  operands.keys = transposed_keys(Widened<Compute>(keys).data(), k, problem.type, scale);
  if (c.has_input(attn_mask)) {
    operands.mask = Mask<Compute>(c.input(attn_mask));
    operands.boolean_mask = c.input(attn_mask).dtype() == DType::boolean;
  }
  const bool packed = c.input(query).rank() == 3;
  Tensor& y = c.output(0, problem.type,
                       packed ? Shape{q.batch, q.length, q.heads * v.size} : Shape{q.batch, q.heads, q.length, v.size});
  Tensor* exposed = nullptr;
  if (c.wants_output(3)) exposed = &c.output(3, problem.type, {q.batch, q.heads, q.length, k.length});
  const int64_t work = k.length * (q.size + v.size) + 1;
  c.parallel_for(q.rows(), 1 + 65536 / work, [&](int64_t begin, int64_t end) {
    Scratch<Compute> scratch(problem);
    for (int64_t row = begin; row < end; ++row) attend(problem, operands, row, scratch, y, exposed);
  });
}

void eval_attention(EvalContext& c) {
  check_inputs(c, c.has_input(past_key), c.has_input(past_value), c.has_input(nonpad_kv_seqlen));
  check_head_attributes(c, c.input(query).shape().size());
  const int64_t kv_heads = c.attr_int("kv_num_heads", 0);
  const HeadLayout new_k = head_layout(c.input(key).shape(), kv_heads, "K");
  const HeadLayout new_v = head_layout(c.input(value).shape(), kv_heads, "V");
  Problem problem;
  problem.q = head_layout(c.input(query).shape(), c.attr_int("q_num_heads", 0), "Q");
  check_shapes(problem.q, new_k, new_v);
  const Tensor keys = with_past(c, past_key, key, new_k), values = with_past(c, past_value, value, new_v);
  problem.k = head_layout(keys.shape(), 0, "K");
  problem.v = head_layout(values.shape(), 0, "V");
  check_shapes(problem.q, problem.k, problem.v);
  problem.type = c.input(query).dtype();
  problem.precision = precision_of(c, problem.type);
  const double by_size = 1 / std::sqrt(static_cast<double>(problem.q.size));
  problem.scale = std::sqrt(c.has_attribute("scale") ? static_cast<double>(c.attr_float("scale")) : by_size);
  problem.softcap = static_cast<double>(c.attr_float("softcap"));
  problem.expose = static_cast<Expose>(c.attr_int("qk_matmul_output_mode"));
  problem.causal = c.attr_int("is_causal") != 0;
  problem.left = c.attr_int("left_window_size", -1);
  problem.right = c.attr_int("right_window_size", -1);
  read_lengths(c, problem);
  read_mask(c, problem);
  if (problem.type == DType::f64 || problem.precision == DType::f64) {
    run_attention<double>(c, problem, keys, values);
  } else {
    run_attention<float>(c, problem, keys, values);
  }
  if (c.wants_output(1)) c.set_output(1, keys);
  if (c.wants_output(2)) c.set_output(2, values);
}

}  // namespace

extern const OpDef attention_op{"", "Attention", attention_versions, infer_attention, eval_attention};

}  // namespace kiln::ops
