#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/broadcast.hpp"
#include "ops/support/infer.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText string_concat_versions[] = {
    {20, "X:T Y:T -> Z:T", "", "T=string"},
};

void eval_string_concat(EvalContext& c) {
  const Tensor &x = c.input(0), &y = c.input(1);
  const Shape shape = broadcast_shapes(x.shape(), y.shape());
  std::string* to = c.output(0, DType::string, shape).mutable_data<std::string>();
  const BroadcastPlan plan(shape, {x.shape(), y.shape()});
  broadcast_binary(plan, x.data<std::string>(), y.data<std::string>(), to, 0, plan.size(),
                   [](const std::string& a, const std::string& b) { return a + b; });
}

}  // namespace

extern const OpDef string_concat_op{"", "StringConcat", string_concat_versions, infer_broadcast, eval_string_concat};

}  // namespace kiln::ops
