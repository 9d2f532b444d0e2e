#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/join.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText concat_versions[] = {
    {1, "inputs*:T -> concat_result:T", "axis:int", "T=real"},
    {4, "inputs*:T -> concat_result:T", "axis!:int", "T=basic"},
    {11, "inputs*:T -> concat_result:T", "axis!:int", "T=basic"},
    {13, "inputs*:T -> concat_result:T", "axis!:int", "T=basic,bf16"},
};

int64_t axis_of(const NodeView& node, size_t rank) {
  // Version 1 names its default in words only.
  const int64_t axis = node.version() == 1 ? node.attr_int("axis", 1) : node.attr_int("axis");
  return normalize_axis(axis, static_cast<int64_t>(rank));
}

[[noreturn]] void fail_rank(size_t index, size_t found, size_t expected) {
  fail(ErrorCode::invalid_argument, "input {} has rank {}, but those before it have rank {}", index, found, expected);
}

/// The shape of the result, from those inputs whose shape is known.
std::optional<SymShape> joined_shape(const InferContext& c) {
  std::optional<SymShape> result;
  size_t axis = 0;
  bool complete = true;
  Dim length(0);
  for (size_t i = 0; i < c.input_count(); ++i) {
    const SymShape* shape = c.shape(i);
    if (!shape) {
      complete = false;
      continue;
    }
    if (!result) {
      result = *shape;
      axis = static_cast<size_t>(axis_of(c, shape->size()));
    }
    if (shape->size() != result->size()) fail_rank(i, shape->size(), result->size());
    length = length + (*shape)[axis];
    for (size_t j = 0; j < shape->size(); ++j) {
      if (j != axis) (*result)[j] = merge_dims((*result)[j], (*shape)[j], "dims beside the axis to concatenate");
    }
  }
  if (result) (*result)[axis] = complete ? length : Dim();
  return result;
}

void infer_concat(InferContext& c) {
  const auto shape = joined_shape(c);
  c.set_output(0, c.dtype(0), shape);
  if (!shape || shape->size() != 1) return;
  std::vector<Dim> elements;
  for (size_t i = 0; i < c.input_count(); ++i) {
    const auto part = tracked_dims(c, i);
    if (!part) return;
    elements.insert(elements.end(), part->begin(), part->end());
  }
  if (elements.size() <= static_cast<size_t>(max_tracked_dims)) c.set_dims(0, std::move(elements));
}

void eval_concat(EvalContext& c) {
  std::vector<Tensor> parts;
  for (size_t i = 0; i < c.input_count(); ++i) parts.push_back(c.input(i));
  join_parts(c, parts, axis_of(c, c.input(0).shape().size()));
}

}  // namespace

extern const OpDef concat_op{"", "Concat", concat_versions, infer_concat, eval_concat};

}  // namespace kiln::ops
