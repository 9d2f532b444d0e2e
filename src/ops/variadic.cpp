#include <cmath>

#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText max_versions[] = {
    {1, "data_0*:T -> max:T", "consumed_inputs:ints", "T=real"},
    {6, "data_0*:T -> max:T", "", "T=real"},
    {8, "data_0*:T -> max:T", "", "T=real"},
    {12, "data_0*:T -> max:T", "", "T=numeric"},
    {13, "data_0*:T -> max:T", "", "T=numeric,bf16"},
};

constexpr SchemaText mean_versions[] = {
    {1, "data_0*:T -> mean:T", "consumed_inputs:ints", "T=real"},
    {6, "data_0*:T -> mean:T", "", "T=real"},
    {8, "data_0*:T -> mean:T", "", "T=real"},
    {13, "data_0*:T -> mean:T", "", "T=real,bf16"},
};

constexpr SchemaText min_versions[] = {
    {1, "data_0*:T -> min:T", "consumed_inputs:ints", "T=real"},
    {6, "data_0*:T -> min:T", "", "T=real"},
    {8, "data_0*:T -> min:T", "", "T=real"},
    {12, "data_0*:T -> min:T", "", "T=numeric"},
    {13, "data_0*:T -> min:T", "", "T=numeric,bf16"},
};

constexpr SchemaText sum_versions[] = {
    {1, "data_0*:T -> sum:T", "consumed_inputs:ints", "T=real"},
    {6, "data_0*:T -> sum:T", "", "T=real"},
    {8, "data_0*:T -> sum:T", "", "T=real"},
    {13, "data_0*:T -> sum:T", "", "T=real,bf16"},
};

constexpr int first_with_broadcast = 8;

// A NaN on either side wins, as numpy.maximum has it.
struct Larger {
  template <class T>
  T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct Smaller {
  template <class T>
  T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};
struct Plus {
  template <class T>
  T operator()(T a, T b) const {
    return a + b;
  }
};

Shape common_shape(EvalContext& c) {
  Shape shape = c.input(0).shape();
  for (size_t i = 1; i < c.input_count(); ++i) {
    const Shape& other = c.input(i).shape();
    if (c.version() < first_with_broadcast && other != shape) {
      fail(ErrorCode::invalid_argument, "input {} is of shape {}, and must be of the first input's shape {}", i,
           to_string(other), to_string(shape));
    }
    shape = broadcast_shapes(shape, other);
  }
  return shape;
}

/// Folds all inputs with f, then divides by `divisor`.
template <class List, class F>
void fold(List list, EvalContext& c, F f, int64_t divisor = 1) {
  const DType dtype = same_dtype(c);
  Tensor& out = c.output(0, dtype, common_shape(c));
  std::vector<Operand> operands;
  for (size_t i = 0; i < c.input_count(); ++i) operands.emplace_back(c.input(i));
  dispatch_carrier(list, dtype, [&]<class T> {
    walk(c, operands, out, [&](const void* const* in, const int64_t* steps, void* output, int64_t count) {
      T* to = static_cast<T*>(output);
      for (int64_t i = 0; i < count; ++i) {
        T folded = static_cast<const T*>(in[0])[i * steps[0]];
        for (size_t k = 1; k < operands.size(); ++k) folded = f(folded, static_cast<const T*>(in[k])[i * steps[k]]);
        to[i] = divisor == 1 ? folded : folded / static_cast<T>(divisor);
      }
    });
  });
}

void eval_max(EvalContext& c) { fold(Carriers{}, c, Larger{}); }
void eval_min(EvalContext& c) { fold(Carriers{}, c, Smaller{}); }
void eval_sum(EvalContext& c) { fold(FloatCarriers{}, c, Plus{}); }
void eval_mean(EvalContext& c) { fold(FloatCarriers{}, c, Plus{}, static_cast<int64_t>(c.input_count())); }

void infer_variadic(InferContext& c) {
  if (c.version() >= first_with_broadcast) return infer_broadcast(c);
  Type type = c.type(0);
  for (size_t i = 1; i < c.input_count(); ++i) {
    if (c.type(i).is_known()) type = type.is_known() ? unify(type, c.type(i)) : c.type(i);
  }
  c.set_output(0, std::move(type));
}
void infer_max(InferContext& c) {
  infer_variadic(c);
  if (c.input_count() == 2) propagate_dims(c, [](const Dim& a, const Dim& b) { return max(a, b); });
}
void infer_min(InferContext& c) {
  infer_variadic(c);
  if (c.input_count() == 2) propagate_dims(c, [](const Dim& a, const Dim& b) { return min(a, b); });
}

}  // namespace

extern const OpDef max_op{"", "Max", max_versions, infer_max, eval_max};
extern const OpDef mean_op{"", "Mean", mean_versions, infer_variadic, eval_mean};
extern const OpDef min_op{"", "Min", min_versions, infer_min, eval_min};
extern const OpDef sum_op{"", "Sum", sum_versions, infer_variadic, eval_sum};

}  // namespace kiln::ops
