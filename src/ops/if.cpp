#include "base/error.hpp"
#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText if_versions[] = {
    {1, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph", "V=basic B=bool"},
    {11, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph", "V=basic B=bool"},
    {13, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph", "V=basic,seq(basic) B=bool"},
    {16, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph",
     "V=basic,bf16,seq(basic,bf16),optional_seq(basic,bf16),optional(basic,bf16) B=bool"},
    {19, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,seq(basic,float8,bf16),optional_seq(basic,bf16),optional(basic,float8,bf16) B=bool"},
    {21, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,u4,i4,seq(basic,float8,bf16,u4,i4),optional_seq(basic,bf16),optional(basic,float8,"
     "bf16,u4,i4) B=bool"},
    {23, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,seq(basic,float8,bf16,u4,i4,f4e2m1),optional_seq(basic,bf16),"
     "optional(basic,float8,bf16,u4,i4,f4e2m1) B=bool"},
    {24, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0),optional_seq(basic,"
     "bf16),optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0) B=bool"},
    {25, "cond:B -> outputs~:V", "else_branch!:graph then_branch!:graph",
     "V=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2,seq(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2),"
     "optional_seq(basic,bf16),optional(basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2) B=bool"},
};

void check_branches(const NodeView& node, size_t then_count, size_t else_count) {
  const size_t outputs = node.node().outputs.size();
  if (then_count == else_count && then_count == outputs) return;
  fail(ErrorCode::invalid_model, "then_branch gives {} values, else_branch {}, and the node has {} outputs", then_count,
       else_count, outputs);
}

void infer_if(InferContext& c) {
  check_branches(c, c.attr_graph("then_branch").outputs.size(), c.attr_graph("else_branch").outputs.size());
  const std::vector<Type> then_types = c.infer_graph("then_branch", {});
  const std::vector<Type> else_types = c.infer_graph("else_branch", {});
  const Tensor* condition = c.constant(0);
  const bool known = condition && condition->dtype() == DType::boolean && condition->size() == 1;
  for (size_t i = 0; i < c.output_count(); ++i) {
    const Type both = join(then_types[i], else_types[i]);
    if (!known) {
      c.set_output(i, both);
    } else {
      c.set_output(i, *condition->data<bool>() ? then_types[i] : else_types[i]);
    }
  }
}

void eval_if(EvalContext& c) {
  const Tensor& condition = c.input(0);
  if (condition.size() != 1) {
    fail(ErrorCode::invalid_argument, "the condition must hold one element, found shape {}",
         to_string(condition.shape()));
  }
  const Graph& then_branch = c.attr_graph("then_branch");
  const Graph& else_branch = c.attr_graph("else_branch");
  check_branches(c, then_branch.outputs.size(), else_branch.outputs.size());
  std::vector<Value> results = c.host().run_graph(*condition.data<bool>() ? then_branch : else_branch, {});
  for (size_t i = 0; i < results.size(); ++i) {
    if (c.wants_output(i)) c.set_output(i, std::move(results[i]));
  }
}

}  // namespace

extern const OpDef if_op{"", "If", if_versions, infer_if, eval_if};

}  // namespace kiln::ops
