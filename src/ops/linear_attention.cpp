#include <cmath>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/heads.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText linear_attention_versions[] = {
    {27, "query:T key:T value:T past_state?:S decay?:T beta?:T -> output:T present_state:S",
     "chunk_size:int=64 kv_num_heads!:int q_num_heads!:int scale:float=0 update_rule:string=gated_delta",
     "T=f16,bf16,f32 S=f16,bf16,f32"},
};

enum Input : size_t { query, key, value, past_state, decay, beta };

/// What a step does to the state: fade it by e^decay first, and write only what differs from what it remembers.
struct Rule {
  bool gates, corrects;
};

Rule rule_of(const NodeView& node, bool has_decay, bool has_beta) {
  const std::string& name = node.attr_string("update_rule");
  if (name != "linear" && name != "gated" && name != "delta" && name != "gated_delta") {
    fail(ErrorCode::invalid_argument, "update_rule must be linear, gated, delta or gated_delta, found '{}'", name);
  }
  const Rule rule{name == "gated" || name == "gated_delta", name == "delta" || name == "gated_delta"};
  if (rule.gates != has_decay) {
    fail(ErrorCode::invalid_argument, "update_rule '{}' {} the input decay", name, rule.gates ? "needs" : "forbids");
  }
  if (rule.corrects != has_beta) {
    fail(ErrorCode::invalid_argument, "update_rule '{}' {} the input beta", name, rule.corrects ? "needs" : "forbids");
  }
  return rule;
}

void check_head_counts(const NodeView& node) {
  const int64_t heads = node.attr_int("q_num_heads"), shared = node.attr_int("kv_num_heads");
  if (heads <= 0 || shared <= 0) {
    fail(ErrorCode::invalid_argument, "q_num_heads and kv_num_heads must be positive, found {} and {}", heads, shared);
  }
  check_head_groups(heads, shared);
}

HeadDims infer_packed(InferContext& c, size_t index, int64_t heads, const char* what) {
  if (!c.shape(index)) return {};
  if (c.shape(index)->size() != 3) {
    fail(ErrorCode::invalid_argument, "{} must have rank 3, found {}", what, c.shape(index)->size());
  }
  return head_dims(*c.shape(index), heads, what);
}

/// decay and beta have the batch and the sequence of the query, and one of a few sizes.
void infer_gate(InferContext& c, size_t index, HeadDims& q, std::initializer_list<Dim> sizes, const char* what) {
  const SymShape* shape = c.shape(index);
  if (!shape) return;
  if (shape->size() != 3) fail(ErrorCode::invalid_argument, "{} must have rank 3, found {}", what, shape->size());
  q.batch = merge_dims(q.batch, (*shape)[0], "batch sizes");
  q.length = merge_dims(q.length, (*shape)[1], "sequence lengths");
  const Dim& last = (*shape)[2];
  for (const Dim& size : sizes) {
    if (!last.is_known() || !size.is_known() || last == size) return;
  }
  fail(ErrorCode::invalid_argument, "the last axis of {} has {} elements, which fits neither heads nor head sizes",
       what, last.str());
}

void infer_linear_attention(InferContext& c) {
  check_head_counts(c);
  rule_of(c, c.has_input(decay), c.has_input(beta));
  const int64_t heads = c.attr_int("q_num_heads"), shared = c.attr_int("kv_num_heads");
  HeadDims q = infer_packed(c, query, heads, "query");
  const HeadDims k = infer_packed(c, key, shared, "key"), v = infer_packed(c, value, shared, "value");
  q.batch = merge_dims(q.batch, merge_dims(k.batch, v.batch, "batch sizes"), "batch sizes");
  q.length = merge_dims(q.length, merge_dims(k.length, v.length, "sequence lengths"), "sequence lengths");
  q.size = merge_dims(q.size, k.size, "head sizes of query and key");
  SymShape state{q.batch, Dim(shared), q.size, v.size};
  if (const SymShape* past = c.shape(past_state)) {
    if (past->size() != 4) fail(ErrorCode::invalid_argument, "past_state must have rank 4, found {}", past->size());
    for (size_t i = 0; i < 4; ++i) state[i] = merge_dims(state[i], (*past)[i], "extents of past_state");
    q.batch = state[0];
  }
  infer_gate(c, decay, q, {Dim(shared), Dim(shared) * state[2]}, "decay");
  infer_gate(c, beta, q, {Dim(shared), Dim(1)}, "beta");
  state[0] = q.batch;
  c.set_output(0, c.dtype(query), SymShape{q.batch, q.length, Dim(heads) * state[3]});
  c.set_output(1, c.has_input(past_state) ? c.dtype(past_state) : c.dtype(query), state);
}

struct LinearProblem {
  HeadLayout q, k, v;
  Rule rule;
  float scale;
  int64_t decay_size = 0, beta_heads = 0;  ///< decay: 1 number a head, or one for each key element
  Widened<float> query, key, value, decay, beta;
};

HeadLayout packed_layout(const EvalContext& c, size_t index, int64_t heads, const char* what) {
  const Shape& shape = c.input(index).shape();
  if (shape.size() != 3) fail(ErrorCode::invalid_argument, "{} must have rank 3, found {}", what, to_string(shape));
  return head_layout(shape, heads, what);
}

void read_gates(const EvalContext& c, LinearProblem& p) {
  auto last_of = [&](size_t index, const char* what) {
    const Shape& shape = c.input(index).shape();
    if (shape.size() != 3 || shape[0] != p.q.batch || shape[1] != p.q.length) {
      fail(ErrorCode::invalid_argument, "{} must be [{},{},...], found {}", what, p.q.batch, p.q.length,
           to_string(shape));
    }
    return shape[2];
  };
  if (p.rule.gates) {
    const int64_t last = last_of(decay, "decay");
    if (last != p.k.heads && last != p.k.heads * p.k.size) {
      fail(ErrorCode::invalid_argument, "decay must have {} or {} elements a step, found {}", p.k.heads,
           p.k.heads * p.k.size, last);
    }
    p.decay_size = last / p.k.heads;
    p.decay = Widened<float>(c.input(decay));
  }
  if (p.rule.corrects) {
    p.beta_heads = last_of(beta, "beta");
    if (p.beta_heads != p.k.heads && p.beta_heads != 1) {
      fail(ErrorCode::invalid_argument, "beta must have {} or 1 elements a step, found {}", p.k.heads, p.beta_heads);
    }
    p.beta = Widened<float>(c.input(beta));
  }
}

/// One step of one key and value head: `state` [key size, value size] takes in key and value.
void update_state(const LinearProblem& p, int64_t b, int64_t h, int64_t t, float* state, std::vector<float>& write) {
  const int64_t rows = p.k.size, columns = p.v.size, step = b * p.q.length + t;
  const float* key_row = p.key.data() + p.k.at(b, h, t);
  const float* value_row = p.value.data() + p.v.at(b, h, t);
  std::copy_n(value_row, columns, write.begin());
  if (p.rule.gates) {
    const float* gate = p.decay.data() + (step * p.k.heads + h) * p.decay_size;
    for (int64_t d = 0; d < rows; ++d) {
      const float fade = std::exp(gate[p.decay_size == 1 ? 0 : d]);
      for (int64_t m = 0; m < columns; ++m) state[d * columns + m] *= fade;
    }
  }
  if (p.rule.corrects) {
    const float rate = p.beta[step * p.beta_heads + (p.beta_heads == 1 ? 0 : h)];
    for (int64_t d = 0; d < rows; ++d) {
      for (int64_t m = 0; m < columns; ++m) write[m] -= state[d * columns + m] * key_row[d];
    }
    for (int64_t m = 0; m < columns; ++m) write[m] *= rate;
  }
  for (int64_t d = 0; d < rows; ++d) {
    for (int64_t m = 0; m < columns; ++m) state[d * columns + m] += key_row[d] * write[m];
  }
}

/// scale * q^T state
void read_state(const LinearProblem& p, const float* query_row, const float* state, std::vector<float>& out) {
  std::fill(out.begin(), out.end(), 0.0f);
  for (int64_t d = 0; d < p.k.size; ++d) {
    for (int64_t m = 0; m < p.v.size; ++m) out[m] += query_row[d] * state[d * p.v.size + m];
  }
  for (float& element : out) element *= p.scale;
}

LinearProblem read_problem(EvalContext& c) {
  check_head_counts(c);
  const int64_t heads = c.attr_int("q_num_heads"), shared = c.attr_int("kv_num_heads");
  LinearProblem p;
  p.rule = rule_of(c, c.has_input(decay), c.has_input(beta));
  p.q = packed_layout(c, query, heads, "query");
  p.k = packed_layout(c, key, shared, "key");
  p.v = packed_layout(c, value, shared, "value");
  if (p.q.batch != p.k.batch || p.q.batch != p.v.batch || p.q.length != p.k.length || p.q.length != p.v.length ||
      p.q.size != p.k.size) {
    fail(ErrorCode::invalid_argument, "query, key and value do not fit: as [batch,heads,length,size] {}, {} and {}",
         to_string(p.q.unpacked()), to_string(p.k.unpacked()), to_string(p.v.unpacked()));
  }
  const float scale = c.attr_float("scale");
  p.scale = scale != 0 ? scale : static_cast<float>(1 / std::sqrt(static_cast<double>(p.k.size)));
  p.query = Widened<float>(c.input(query));
  p.key = Widened<float>(c.input(key));
  p.value = Widened<float>(c.input(value));
  read_gates(c, p);
  return p;
}

/// The state before the first step, in floats.
std::vector<float> initial_state(const EvalContext& c, const LinearProblem& p) {
  const Shape shape{p.q.batch, p.k.heads, p.k.size, p.v.size};
  if (!c.has_input(past_state)) return std::vector<float>(static_cast<size_t>(element_count(shape)), 0.0f);
  if (c.input(past_state).shape() != shape) {
    fail(ErrorCode::invalid_argument, "past_state must be {}, found {}", to_string(shape),
         to_string(c.input(past_state).shape()));
  }
  const Widened<float> past(c.input(past_state));
  return {past.data(), past.data() + element_count(shape)};
}

void eval_linear_attention(EvalContext& c) {
  const LinearProblem p = read_problem(c);
  std::vector<float> state = initial_state(c, p);
  const int64_t group = p.q.heads / p.k.heads, size = p.k.size * p.v.size;
  Tensor& y = c.output(0, c.input(query).dtype(), {p.q.batch, p.q.length, p.q.heads * p.v.size});
  c.parallel_for(p.q.batch * p.k.heads, 1 + 32768 / (size * p.q.length + 1), [&](int64_t begin, int64_t end) {
    std::vector<float> write(static_cast<size_t>(p.v.size)), out(static_cast<size_t>(p.v.size));
    for (int64_t head = begin; head < end; ++head) {
      const int64_t b = head / p.k.heads, h = head % p.k.heads;
      float* own = state.data() + head * size;
      for (int64_t t = 0; t < p.q.length; ++t, stop_point(size)) {
        update_state(p, b, h, t, own, write);
        for (int64_t reader = h * group; reader < (h + 1) * group; ++reader) {
          read_state(p, p.query.data() + p.q.at(b, reader, t), own, out);
          narrow_into(out.data(), p.v.size, y, ((b * p.q.length + t) * p.q.heads + reader) * p.v.size);
        }
      }
    }
  });
  if (!c.wants_output(1)) return;
  const DType dtype = c.has_input(past_state) ? c.input(past_state).dtype() : c.input(query).dtype();
  Tensor& present = c.output(1, dtype, {p.q.batch, p.k.heads, p.k.size, p.v.size});
  narrow_into(state.data(), present.size(), present);
}

}  // namespace

extern const OpDef linear_attention_op{"", "LinearAttention", linear_attention_versions, infer_linear_attention,
                                       eval_linear_attention};

}  // namespace kiln::ops
