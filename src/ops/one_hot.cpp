#include <limits>

#include "base/error.hpp"
#include "base/stop_point.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/axes.hpp"
#include "ops/support/moves.hpp"
#include "tensor/dispatch.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText one_hot_versions[] = {
    {9, "indices:T1 depth:T2 values:T3 -> output:T3", "axis:int=-1", "T1=numeric T2=numeric T3=basic"},
    {11, "indices:T1 depth:T2 values:T3 -> output:T3", "axis:int=-1", "T1=numeric T2=numeric T3=basic"},
    {28, "indices:T1 depth:T2 values:T3 -> output:T3", "axis:int=-1", "T1=numeric T2=numeric T3=basic,bf16"},
};

/// Numbers that are not whole are cut towards 0; what no 64 bits hold becomes something that is no index.
template <class T>
int64_t to_index(const T& value) {
  constexpr int64_t none = std::numeric_limits<int64_t>::min();
  if constexpr (std::is_same_v<T, uint64_t>) {
    return value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) ? none : static_cast<int64_t>(value);
  } else if constexpr (std::is_integral_v<T>) {
    return value;
  } else {
    const auto number = static_cast<double>(value);
    return number > -9.2e18 && number < 9.2e18 ? static_cast<int64_t>(number) : none;
  }
}

int64_t depth_of(const Tensor& tensor) {
  if (tensor.size() != 1) {
    fail(ErrorCode::invalid_argument, "depth must be one number, found {}", tensor.size());
  }
  const int64_t depth =
      dispatch(NumericTypes{}, tensor.dtype(), [&]<class T> { return to_index(tensor.data<T>()[0]); });
  if (depth < 0) fail(ErrorCode::invalid_argument, "depth is {}, expected 0 or more", depth);
  return depth;
}

Dim depth_dim(const InferContext& c) {
  if (const Tensor* constant = c.constant(1); constant && constant->size() == 1) return depth_of(*constant);
  const auto elements = c.dims(1);
  return elements && elements->size() == 1 ? elements->front() : Dim();
}

void check_shapes(const InferContext& c) {
  const SymShape *depth = c.shape(1), *values = c.shape(2);
  if (depth &&
      (depth->size() > 1 || (depth->size() == 1 && depth->front().is_known() && depth->front().value() != 1))) {
    fail(ErrorCode::invalid_argument, "depth must be one number, found shape {}", to_string(*depth));
  }
  if (values && (values->size() != 1 || (values->front().is_known() && values->front().value() != 2))) {
    fail(ErrorCode::invalid_argument, "values must be a list of two, found shape {}", to_string(*values));
  }
}

void infer_one_hot(InferContext& c) {
  check_shapes(c);
  const SymShape* indices = c.shape(0);
  if (!indices) return c.set_output(0, c.dtype(2));
  if (indices->empty()) fail(ErrorCode::invalid_argument, "indices must have rank 1 or more, found a scalar");
  const int64_t axis = normalize_axis(c.attr_int("axis"), static_cast<int64_t>(indices->size()) + 1);
  SymShape shape = *indices;
  shape.insert(shape.begin() + axis, depth_dim(c));
  c.set_output(0, c.dtype(2), shape);
}

void eval_one_hot(EvalContext& c) {
  const Tensor &indices = c.input(0), &values = c.input(2);
  if (values.shape() != Shape{2}) {
    fail(ErrorCode::invalid_argument, "values must be a list of two, found shape {}", to_string(values.shape()));
  }
  const int64_t depth = depth_of(c.input(1));
  const int64_t axis = normalize_axis(c.attr_int("axis"), indices.rank() + 1);
  Shape shape = indices.shape();
  shape.insert(shape.begin() + axis, depth);
  Tensor& output = c.output(0, values.dtype(), shape);
  if (output.size() == 0) return;
  fill_elements(output, 0, output.size(), values, 0);
  const int64_t inner = AxisView(shape, axis).inner;
  // Indices count from the end since version 11; before, a negative one was just out of range.
  const bool wraps = c.version() >= 11;
  dispatch(NumericTypes{}, indices.dtype(), [&]<class T> {
    const T* element = indices.data<T>();
    for (int64_t i = 0; i < indices.size(); ++i, stop_point()) {
      int64_t index = to_index(element[i]);
      if (wraps && index < 0 && index >= -depth) index += depth;
      if (index < 0 || index >= depth) continue;
      copy_elements(output, (i / inner * depth + index) * inner + i % inner, values, 1, 1);
    }
  });
}

}  // namespace

extern const OpDef one_hot_op{"", "OneHot", one_hot_versions, infer_one_hot, eval_one_hot};

}  // namespace kiln::ops
