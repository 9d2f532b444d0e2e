#include <limits>

#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText clip_versions[] = {
    {1, "input:T -> output:T", "consumed_inputs:ints max:float min:float", "T=real"},
    {6, "input:T -> output:T", "max:float=3.40282347e+38 min:float=-3.40282347e+38", "T=real"},
    {11, "input:T min?:T max?:T -> output:T", "", "T=real"},
    {12, "input:T min?:T max?:T -> output:T", "", "T=numeric"},
    {13, "input:T min?:T max?:T -> output:T", "", "T=numeric,bf16"},
};

constexpr int first_with_inputs = 11;

template <class T>
T unbounded(bool low) {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_floating_point_v<T>) return low ? -Limits::infinity() : Limits::infinity();
  return low ? Limits::lowest() : Limits::max();
}

template <class T>
T bound(EvalContext& c, size_t index, const char* name) {
  const bool low = index == 1;
  if (c.version() < first_with_inputs) {
    return c.has_attribute(name) ? static_cast<T>(c.attr_float(name)) : unbounded<T>(low);
  }
  if (!c.has_input(index)) return unbounded<T>(low);
  const Tensor& tensor = c.input(index);
  if (tensor.size() != 1 || tensor.dtype() != c.input(0).dtype()) {
    fail(ErrorCode::invalid_argument, "'{}' must be one {}, found {}{}", name, dtype_name(c.input(0).dtype()),
         dtype_name(tensor.dtype()), to_string(tensor.shape()));
  }
  T value;
  widen_loop(tensor.dtype())(tensor.raw(), 1, &value, 1);
  return value;
}

// Where min is above max, max wins; NaN stays NaN.
void eval_clip(EvalContext& c) {
  const Tensor& x = c.input(0);
  Tensor& y = c.output(0, x.dtype(), x.shape());
  dispatch_carrier(Carriers{}, x.dtype(), [&]<class T> {
    const T low = bound<T>(c, 1, "min"), high = bound<T>(c, 2, "max");
    map_elements<T, T>(c, {x}, y, [=](T v) {
      const T raised = v < low || low != low ? low : v;
      return raised > high || high != high ? high : raised;
    });
  });
}

}  // namespace

extern const OpDef clip_op{"", "Clip", clip_versions, infer_same_as_first, eval_clip};

}  // namespace kiln::ops
