#include "base/error.hpp"
#include "ops/op.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/elementwise.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText prelu_versions[] = {
    {1, "X:T slope:T -> Y:T", "consumed_inputs:ints", "T=real"},
    {6, "X:T slope:T -> Y:T", "", "T=real"},
    {7, "X:T slope:T -> Y:T", "", "T=real"},
    {9, "X:T slope:T -> Y:T", "", "T=real,u32,u64,i32,i64"},
    {16, "X:T slope:T -> Y:T", "", "T=real,bf16,u32,u64,i32,i64"},
};

constexpr int first_prelu_with_broadcast = 7;

/// The slope's shape as it broadcasts to x. The oldest versions have one slope for each channel, or one for all.
Shape slope_shape(const NodeView& node, const Shape& x, const Shape& slope) {
  if (node.version() < first_prelu_with_broadcast) {
    if (element_count(slope) == 1) return {};
    if (slope.size() == 1 && x.size() > 1 && slope[0] == x[1]) {
      Shape seen(x.size() - 1, 1);
      seen[0] = slope[0];
      return seen;
    }
  }
  if (slope.size() > x.size() || broadcast_shapes(x, slope) != x) {
    fail(ErrorCode::invalid_argument, "slope of shape {} does not broadcast to an input of shape {}", to_string(slope),
         to_string(x));
  }
  return slope;
}

void eval_prelu(EvalContext& c) {
  const Tensor& x = c.input(0);
  const Tensor& slope = c.input(1);
  const Operand slopes(slope, slope_shape(c, x.shape(), slope.shape()));
  Tensor& y = c.output(0, same_dtype(c), x.shape());
  dispatch_carrier(Carriers{}, x.dtype(), [&]<class T> {
    map_elements<T, T, T>(c, {x, slopes}, y, [](T v, T s) {
      if constexpr (std::is_integral_v<T>) {
        return v < T{0} ? static_cast<T>(static_cast<uint64_t>(v) * static_cast<uint64_t>(s)) : v;
      } else {
        return v < 0 ? v * s : v;
      }
    });
  });
}

void infer_prelu(InferContext& c) {
  infer_same_as_first(c);
  if (!c.shape(0) || !c.shape(1)) return;
  const auto x = known_shape(*c.shape(0)), slope = known_shape(*c.shape(1));
  if (x && slope) slope_shape(c, *x, *slope);
}

}  // namespace

extern const OpDef prelu_op{"", "PRelu", prelu_versions, infer_prelu, eval_prelu};

}  // namespace kiln::ops
