#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/join.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText concat_from_sequence_versions[] = {
    {11, "input_sequence:S -> concat_result:T", "axis!:int new_axis:int=0", "S=seq(basic) T=basic"},
};

bool adds_axis(const NodeView& node) {
  const int64_t new_axis = node.attr_int("new_axis");
  if (new_axis != 0 && new_axis != 1) {
    fail(ErrorCode::invalid_argument, "attribute 'new_axis' is {}, expected 0 or 1", new_axis);
  }
  return new_axis == 1;
}

int64_t joined_axis(const NodeView& node, size_t rank) {
  return normalize_axis(node.attr_int("axis"), static_cast<int64_t>(rank) + (adds_axis(node) ? 1 : 0));
}

void infer_concat_from_sequence(InferContext& c) {
  const bool adds = adds_axis(c);
  const Type& type = c.type(0);
  const Type element = type.kind == Type::Kind::sequence && type.inner ? *type.inner : Type();
  if (!element.shape) return c.set_output(0, element.dtype);
  SymShape shape = *element.shape;
  const int64_t axis = joined_axis(c, shape.size());
  if (adds) {
    shape.insert(shape.begin() + axis, Dim());
  } else {
    shape[static_cast<size_t>(axis)] = Dim();
  }
  c.set_output(0, element.dtype, shape);
}

void eval_concat_from_sequence(EvalContext& c) {
  std::vector<Tensor> parts;
  for (const Value& item : c.value(0).sequence().items) parts.push_back(item.tensor());
  if (parts.empty()) fail(ErrorCode::invalid_argument, "an empty sequence cannot be concatenated");
  const int64_t axis = joined_axis(c, parts.front().shape().size());
  if (adds_axis(c)) {
    for (Tensor& part : parts) {
      Shape shape = part.shape();
      if (part.rank() != parts.front().rank() && axis > part.rank()) {
        fail(ErrorCode::invalid_argument, "the sequence holds tensors of different ranks");
      }
      shape.insert(shape.begin() + axis, 1);
      part = part.reshaped(shape);
    }
  }
  join_parts(c, parts, axis);
}

}  // namespace

extern const OpDef concat_from_sequence_op{"", "ConcatFromSequence", concat_from_sequence_versions,
                                           infer_concat_from_sequence, eval_concat_from_sequence};

}  // namespace kiln::ops
