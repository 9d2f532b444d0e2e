#include <cmath>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/heads.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText flex_attention_versions[] = {
    {1, "Q:T1 K:T1 V:T1 -> Y:T1", "prob_mod:graph scale:float score_mod:graph softmax_precision:int", "T1=real,bf16"},
};

/// Scores are doubles for doubles and floats otherwise, where the node names no precision.
DType score_type(const NodeView& node, DType input) {
  return precision_of(node, input == DType::f64 ? DType::f64 : DType::f32);
}

void check_modifier(const NodeView& node, const char* name) {
  if (!node.has_attribute(name)) return;
  const Graph& graph = node.attr_graph(name);
  if (graph.inputs.size() != 1 || graph.outputs.size() != 1) {
    fail(ErrorCode::invalid_model, "{} must have one input and one output, found {} and {}", name, graph.inputs.size(),
         graph.outputs.size());
  }
}

/// A modifier gives back the type and shape it was given.
void infer_modifier(InferContext& c, const char* name, const Type& scores) {
  check_modifier(c, name);
  if (!c.has_attribute(name)) return;
  const std::vector<Type> results = c.infer_graph(name, std::span(&scores, 1));
  const Type& result = results.front();
  if (result.is_known() && !same_kind(result, scores)) {
    fail(ErrorCode::invalid_argument, "{} must give {}, found {}", name, scores.str(), result.str());
  }
  if (!result.shape || !scores.shape) return;
  if (result.shape->size() != 4) {
    fail(ErrorCode::invalid_argument, "{} must give {}, found {}", name, scores.str(), result.str());
  }
  for (size_t i = 0; i < 4; ++i) merge_dims((*result.shape)[i], (*scores.shape)[i], "extents of modified scores");
}

void infer_flex_attention(InferContext& c) {
  HeadDims dims[3];
  for (size_t i = 0; i < 3; ++i) {
    if (!c.shape(i)) continue;
    if (c.shape(i)->size() != 4) {
      fail(ErrorCode::invalid_argument, "Q, K and V must have rank 4, input {} has {}", i, c.shape(i)->size());
    }
    dims[i] = head_dims(*c.shape(i), 0, "input");
  }
  auto& [q, k, v] = dims;
  const Dim heads = merge_dims(k.heads, v.heads, "numbers of key and value heads");
  const Dim length = merge_dims(k.length, v.length, "sequence lengths of K and V");
  const Dim batch = merge_dims(q.batch, merge_dims(k.batch, v.batch, "batch sizes"), "batch sizes");
  merge_dims(q.size, k.size, "head sizes of Q and K");
  if (q.heads.is_known() && heads.is_known()) check_head_groups(q.heads.value(), heads.value());
  const DType input = c.dtype(0);
  if (input != DType::undefined || c.has_attribute("softmax_precision")) {
    const Type scores = Type::tensor(score_type(c, input), SymShape{batch, q.heads, q.length, length});
    infer_modifier(c, "score_mod", scores);
    infer_modifier(c, "prob_mod", scores);
  }
  c.set_output(0, input, SymShape{batch, q.heads, q.length, v.size});
}

struct FlexProblem {
  HeadLayout q, k, v;
  DType type, precision;
  float scale;  ///< the root that multiplies both Q and K

  int64_t shared_head(int64_t row) const {
    const int64_t h = row / q.length % q.heads, b = row / q.length / q.heads;
    return b * k.heads + h / (q.heads / k.heads);
  }
  int64_t grain() const { return 1 + 65536 / (k.length * (q.size + v.size) + 1); }
};

template <class Compute>
Tensor scores_of(EvalContext& c, const FlexProblem& p) {
  Tensor scores = c.host().allocate(p.precision, {p.q.batch, p.q.heads, p.q.length, p.k.length});
  const Widened<Compute> queries(c.input(0));
  const auto scale = round_through(p.type, static_cast<Compute>(p.scale));
  const std::vector<Compute> keys = transposed_keys(Widened<Compute>(c.input(1)).data(), p.k, p.type, scale);
  c.parallel_for(p.q.rows(), p.grain(), [&](int64_t begin, int64_t end) {
    std::vector<Compute> query(static_cast<size_t>(p.q.size)), row(static_cast<size_t>(p.k.length));
    std::vector<double> sums;
    for (int64_t i = begin; i < end; ++i) {
      for (int64_t e = 0; e < p.q.size; ++e) query[e] = queries[i * p.q.size + e] * scale;
      round_through(p.type, query.data(), p.q.size);
      weighted_sum(query.data(), keys.data() + p.shared_head(i) * p.k.size * p.k.length, p.k.size, p.k.length,
                   p.k.length, p.type, sums, row.data());
      narrow_into(row.data(), p.k.length, scores, i * p.k.length);
    }
  });
  return scores;
}

Tensor modified(EvalContext& c, const char* name, Tensor scores) {
  check_modifier(c, name);
  if (!c.has_attribute(name)) return scores;
  const Value input(scores);
  const std::vector<Value> results = c.host().run_graph(c.attr_graph(name), std::span(&input, 1));
  const Tensor& result = results.at(0).tensor();
  if (result.dtype() != scores.dtype() || result.shape() != scores.shape()) {
    fail(ErrorCode::invalid_argument, "{} must give {}, found {}", name, input.describe(), results[0].describe());
  }
  return result;
}

template <class Compute>
Tensor probabilities_of(EvalContext& c, const FlexProblem& p, const Tensor& scores) {
  Tensor result = c.host().allocate(p.precision, scores.shape());
  const Widened<Compute> from(scores);
  c.parallel_for(p.q.rows(), p.grain(), [&](int64_t begin, int64_t end) {
    std::vector<Compute> row(static_cast<size_t>(p.k.length));
    for (int64_t i = begin; i < end; ++i) {
      std::copy_n(from.data() + i * p.k.length, p.k.length, row.begin());
      softmax_row(p.precision, row.data(), p.k.length);
      narrow_into(row.data(), p.k.length, result, i * p.k.length);
    }
  });
  return result;
}

template <class Compute>
void weigh_values(EvalContext& c, const FlexProblem& p, const Tensor& probabilities) {
  Tensor& y = c.output(0, p.type, {p.q.batch, p.q.heads, p.q.length, p.v.size});
  const Widened<Compute> weights(probabilities), given(c.input(2));
  std::vector<Compute> values(given.data(), given.data() + c.input(2).size());
  round_through(p.precision, values.data(), c.input(2).size());
  c.parallel_for(p.q.rows(), p.grain(), [&](int64_t begin, int64_t end) {
    std::vector<Compute> out(static_cast<size_t>(p.v.size));
    std::vector<double> sums;
    for (int64_t i = begin; i < end; ++i) {
      weighted_sum(weights.data() + i * p.k.length, values.data() + p.shared_head(i) * p.v.length * p.v.size,
                   p.v.length, p.v.size, p.v.size, p.precision, sums, out.data());
      narrow_into(out.data(), p.v.size, y, i * p.v.size);
    }
  });
}

template <class Compute>
void run_flex_attention(EvalContext& c, const FlexProblem& p) {
  const Tensor scores = modified(c, "score_mod", scores_of<Compute>(c, p));
  const Tensor probabilities = modified(c, "prob_mod", probabilities_of<Compute>(c, p, scores));
  weigh_values<Compute>(c, p, probabilities);
}

void eval_flex_attention(EvalContext& c) {
  for (size_t i = 0; i < 3; ++i) {
    if (c.input(i).rank() == 4) continue;
    fail(ErrorCode::invalid_argument, "Q, K and V must have rank 4, input {} is {}", i, to_string(c.input(i).shape()));
  }
  const DType type = c.input(0).dtype();
  FlexProblem p{head_layout(c.input(0).shape(), 0, "Q"),
                head_layout(c.input(1).shape(), 0, "K"),
                head_layout(c.input(2).shape(), 0, "V"),
                type,
                score_type(c, type),
                0};
  check_head_groups(p.q.heads, p.k.heads);
  if (p.q.batch != p.k.batch || p.q.batch != p.v.batch || p.q.size != p.k.size || p.k.heads != p.v.heads ||
      p.k.length != p.v.length) {
    fail(ErrorCode::invalid_argument, "Q, K and V do not fit: {}, {} and {}", to_string(p.q.unpacked()),
         to_string(p.k.unpacked()), to_string(p.v.unpacked()));
  }
  const double by_size = 1 / std::sqrt(static_cast<double>(p.q.size));
  p.scale = std::sqrt(c.has_attribute("scale") ? c.attr_float("scale") : static_cast<float>(by_size));
  if (p.type == DType::f64 || p.precision == DType::f64) {
    run_flex_attention<double>(c, p);
  } else {
    run_flex_attention<float>(c, p);
  }
}

}  // namespace

extern const OpDef flex_attention_op{"ai.onnx.preview", "FlexAttention", flex_attention_versions, infer_flex_attention,
                                     eval_flex_attention};

}  // namespace kiln::ops
