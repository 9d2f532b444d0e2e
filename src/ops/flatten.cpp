#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText flatten_versions[] = {
    {1, "input:T -> output:T", "axis:int=1", "T=real"},
    {9, "input:T -> output:T", "axis:int=1", "T=basic"},
    {11, "input:T -> output:T", "axis:int=1", "T=basic"},
    {13, "input:T -> output:T", "axis:int=1", "T=basic,bf16"},
    {21, "input:T -> output:T", "axis:int=1", "T=basic,float8,bf16,u4,i4"},
    {23, "input:T -> output:T", "axis:int=1", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "input:T -> output:T", "axis:int=1", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "input:T -> output:T", "axis:int=1", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

int64_t cut(const NodeView& node, int64_t rank) {
  const int64_t axis = node.attr_int("axis");
  const int64_t lowest = node.version() < 11 ? 0 : -rank;
  if (axis < lowest || axis > rank) {
    fail(ErrorCode::invalid_argument, "axis {} is outside [{}, {}] for a tensor of rank {}", axis, lowest, rank, rank);
  }
  return axis < 0 ? axis + rank : axis;
}

void infer_flatten(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, c.dtype(0), SymShape(2));
  const auto axis = static_cast<size_t>(cut(c, static_cast<int64_t>(shape->size())));
  c.set_output(0, c.dtype(0), SymShape{product(*shape, 0, axis), product(*shape, axis, shape->size())});
}

void eval_flatten(EvalContext& c) {
  const Shape& shape = c.input(0).shape();
  const auto middle = shape.begin() + cut(c, c.input(0).rank());
  c.set_output(
      0, c.input(0).reshaped({element_count(Shape(shape.begin(), middle)), element_count(Shape(middle, shape.end()))}));
}

}  // namespace

extern const OpDef flatten_op{"", "Flatten", flatten_versions, infer_flatten, eval_flatten};

}  // namespace kiln::ops
