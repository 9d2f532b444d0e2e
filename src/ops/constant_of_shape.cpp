#include <algorithm>

#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText constant_of_shape_versions[] = {
    {9, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,bool"},
    {20, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,bool,bf16"},
    {21, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,u4,i4,bool,bf16"},
    {23, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,u4,i4,bool,bf16,f4e2m1"},
    {24, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,u4,i4,bool,bf16,f4e2m1,f8e8m0"},
    {25, "input:T1 -> output:T2", "value:tensor", "T1=i64 T2=numeric,float8,u4,i4,bool,bf16,f4e2m1,f8e8m0,u2,i2"},
};

/// The element to repeat: one f32 zero when the attribute is left out.
Tensor fill_value(const NodeView& node) {
  if (!node.has_attribute("value")) return Tensor::scalar(0.0f);
  const Tensor& value = node.attr_tensor("value");
  if (value.size() != 1) {
    fail(ErrorCode::invalid_model, "attribute 'value' must hold one element, found shape {}", to_string(value.shape()));
  }
  return value;
}

void infer_constant_of_shape(InferContext& c) {
  const DType dtype = fill_value(c).dtype();
  const SymShape* list = c.shape(0);
  if (list && list->size() != 1) {
    fail(ErrorCode::invalid_argument, "the shape must be a list, found a tensor of shape {}", to_string(*list));
  }
  if (auto dims = c.dims(0)) {
    for (const Dim& dim : *dims) {
      if (dim.is_known() && dim.value() < 0) {
        fail(ErrorCode::invalid_argument, "the shape {} has a negative dim", to_string(*dims));
      }
    }
    return c.set_output(0, dtype, std::move(*dims));
  }
  constexpr int64_t most_dims = 1024;
  const bool known_rank = list && list->front().is_known() && list->front().value() <= most_dims;
  if (!known_rank) return c.set_output(0, dtype);
  c.set_output(0, dtype, SymShape(static_cast<size_t>(list->front().value())));
}

void eval_constant_of_shape(EvalContext& c) {
  const Tensor value = fill_value(c);
  Tensor& out = c.output(0, value.dtype(), c.input_ints(0));
  dispatch_by_size(value.dtype(), [&]<class T> {
    const T& element = *static_cast<const T*>(value.raw());
    std::fill_n(static_cast<T*>(out.mutable_raw()), out.size(), element);
  });
}

}  // namespace

extern const OpDef constant_of_shape_op{"", "ConstantOfShape", constant_of_shape_versions, infer_constant_of_shape,
                                        eval_constant_of_shape};

}  // namespace kiln::ops
