#include <algorithm>

#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/moves.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText shape_versions[] = {
    {1, "data:T -> shape:T1", "", "T=basic T1=i64"},
    {13, "data:T -> shape:T1", "", "T=basic,bf16 T1=i64"},
    {15, "data:T -> shape:T1", "end:int start:int=0", "T=basic,bf16 T1=i64"},
    {19, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16 T1=i64"},
    {21, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16,u4,i4 T1=i64"},
    {23, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1 T1=i64"},
    {24, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0 T1=i64"},
    {25, "data:T -> shape:T1", "end:int start:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2 T1=i64"},
};

constexpr SchemaText size_versions[] = {
    {1, "data:T -> size:T1", "", "T=basic T1=i64"},
    {13, "data:T -> size:T1", "", "T=basic,bf16 T1=i64"},
    {19, "data:T -> size:T1", "", "T=basic,float8,bf16 T1=i64"},
    {21, "data:T -> size:T1", "", "T=basic,float8,bf16,u4,i4 T1=i64"},
    {23, "data:T -> size:T1", "", "T=basic,float8,bf16,u4,i4,f4e2m1 T1=i64"},
    {24, "data:T -> size:T1", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0 T1=i64"},
    {25, "data:T -> size:T1", "", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2 T1=i64"},
};

struct AxisRange {
  size_t begin, end;
};

/// The dims that attributes `start` and `end` ask for; both may count from the end, and are cut to what there is.
AxisRange asked_dims(const NodeView& node, size_t rank) {
  const auto count = static_cast<int64_t>(rank);
  const auto clamped = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + count : at, 0, count); };
  const int64_t begin = clamped(node.attr_int("start", 0)), end = clamped(node.attr_int("end", count));
  return {static_cast<size_t>(begin), static_cast<size_t>(std::max(begin, end))};
}

void infer_shape(InferContext& c) {
  const SymShape* shape = c.shape(0);
  if (!shape) return c.set_output(0, DType::i64, SymShape(1));
  const AxisRange range = asked_dims(c, shape->size());
  const SymShape dims(shape->begin() + static_cast<std::ptrdiff_t>(range.begin),
                      shape->begin() + static_cast<std::ptrdiff_t>(range.end));
  c.set_output(0, DType::i64, SymShape{Dim(static_cast<int64_t>(dims.size()))});
  c.set_dims(0, dims);
}

void eval_shape(EvalContext& c) {
  const Shape& shape = c.input(0).shape();
  const AxisRange range = asked_dims(c, shape.size());
  c.set_output(0, Tensor::vector(std::vector<int64_t>(shape.begin() + static_cast<std::ptrdiff_t>(range.begin),
                                                      shape.begin() + static_cast<std::ptrdiff_t>(range.end))));
}

void infer_size(InferContext& c) {
  c.set_output(0, DType::i64, SymShape{});
  if (const SymShape* shape = c.shape(0)) c.set_dims(0, {product(*shape, 0, shape->size())});
}

void eval_size(EvalContext& c) { c.set_output(0, Tensor::scalar<int64_t>(c.input(0).size())); }

}  // namespace

extern const OpDef shape_op{"", "Shape", shape_versions, infer_shape, eval_shape};
extern const OpDef size_op{"", "Size", size_versions, infer_size, eval_size};

}  // namespace kiln::ops
