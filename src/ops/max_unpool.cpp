#include <algorithm>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/infer.hpp"
#include "ops/support/window_shape.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText max_unpool_versions[] = {
    {9, "X:T1 I:T2 output_shape?:T2 -> output:T1", "kernel_shape!:ints pads:ints strides:ints", "T1=real T2=i64"},
    {11, "X:T1 I:T2 output_shape?:T2 -> output:T1", "kernel_shape!:ints pads:ints strides:ints", "T1=real T2=i64"},
    {22, "X:T1 I:T2 output_shape?:T2 -> output:T1", "kernel_shape!:ints pads:ints strides:ints", "T1=real,bf16 T2=i64"},
};

/// The attributes say what MaxPool's output had been made with.
struct Unpooling {
  std::vector<int64_t> kernel, strides, pads;

  Unpooling(const NodeView& node, size_t axes)
      : kernel(read_window_list(node, "kernel_shape", axes, 1, 1)),
        strides(read_window_list(node, "strides", axes, 1, 1)),
        pads(read_window_list(node, "pads", 2 * axes, 0, 0)) {
    if (!node.has_attribute("kernel_shape")) {
      fail(ErrorCode::invalid_model, "the required attribute 'kernel_shape' is missing");
    }
  }
  Dim extent(size_t axis, const Dim& input) const {
    return (input - Dim(1)) * Dim(strides[axis]) + Dim(kernel[axis] - pads[axis] - pads[axis + kernel.size()]);
  }
  SymShape output(const SymShape& input) const {
    SymShape shape{input[0], input[1]};
    for (size_t axis = 0; axis < kernel.size(); ++axis) {
      shape.push_back(extent(axis, input[axis + 2]));
      if (shape.back().is_known() && shape.back().value() < 0) {
        fail(ErrorCode::invalid_argument, "the output's extent along spatial axis {} comes to {}", axis,
             shape.back().value());
      }
    }
    return shape;
  }
};

void infer_max_unpool(InferContext& context) {
  context.set_output(0, context.dtype(0));
  if (!context.shape(0)) return;
  const SymShape& input = *context.shape(0);
  if (input.size() < 2) {
    fail(ErrorCode::invalid_argument, "the input must have at least 2 axes (N, C, ...), found shape {}",
         to_string(input));
  }
  const Unpooling unpooling(context, input.size() - 2);
  if (const SymShape* indices = context.shape(1)) {
    if (indices->size() != input.size()) {
      fail(ErrorCode::invalid_argument, "the indices have shape {}, expected that of the input, {}",
           to_string(*indices), to_string(input));
    }
    for (size_t i = 0; i < input.size(); ++i) merge_dims((*indices)[i], input[i], "the shapes of input and indices");
  }
  SymShape output(input.size());
  if (!context.has_input(2)) {
    output = unpooling.output(input);
  } else {
    if (context.shape(2)) {
      if (context.shape(2)->size() != 1) fail(ErrorCode::invalid_argument, "'output_shape' must be a list");
      merge_dims((*context.shape(2))[0], Dim(static_cast<int64_t>(input.size())),
                 "'output_shape' and the input's axes");
    }
    if (const auto dims = context.dims(2)) output = *dims;
  }
  context.set_output(0, context.dtype(0), output);
}

/// Writes x to where the indices, into a tensor of shape `inner`, say; that tensor is a corner of y.
template <class T>
void unpool(const Tensor& x, const Tensor& indices, const Shape& inner, Tensor& y) {
  const std::vector<int64_t> steps = row_major_strides(y.shape());
  const int64_t count = element_count(inner);
  const T* from = x.data<T>();
  const int64_t* at = indices.data<int64_t>();
  T* to = y.mutable_data<T>();
  std::fill_n(to, y.size(), T(0.0f));
  for (int64_t i = 0; i < x.size(); ++i, stop_point()) {
    if (at[i] < 0 || at[i] >= count) {
      fail(ErrorCode::invalid_argument, "index {} is outside the unpooled tensor of {} elements", at[i], count);
    }
    int64_t rest = at[i], offset = 0;
    for (size_t axis = inner.size(); axis-- > 0;) {
      offset += rest % inner[axis] * steps[axis];
      rest /= inner[axis];
    }
    to[offset] = from[i];
  }
}

void eval_max_unpool(EvalContext& context) {
  const Tensor &x = context.input(0), &indices = context.input(1);
  if (x.rank() < 2 || x.shape() != indices.shape()) {
    fail(ErrorCode::invalid_argument, "input and indices of shapes {} and {}, expected equal ones of at least 2 axes",
         to_string(x.shape()), to_string(indices.shape()));
  }
  const auto inner = known_shape(Unpooling(context, x.shape().size() - 2).output(to_sym(x.shape())));
  if (!inner) fail(ErrorCode::limit_exceeded, "the unpooled shape does not fit in 64 bits");
  const Shape output = context.has_input(2) ? context.input_ints(2) : *inner;
  bool fits = output.size() == inner->size();
  for (size_t axis = 0; fits && axis < output.size(); ++axis) fits = output[axis] >= (*inner)[axis];
  if (!fits) {
    fail(ErrorCode::invalid_argument, "'output_shape' is {}, expected at least {}", to_string(output),
         to_string(*inner));
  }
  Tensor& y = context.output(0, x.dtype(), output);
  dispatch(FloatTypes{}, x.dtype(), [&]<class T> { unpool<T>(x, indices, *inner, y); });
}

}  // namespace

extern const OpDef max_unpool_op{"", "MaxUnpool", max_unpool_versions, infer_max_unpool, eval_max_unpool};

}  // namespace kiln::ops
