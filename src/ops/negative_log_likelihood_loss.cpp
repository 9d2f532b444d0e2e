#include "ops/context.hpp"
#include "ops/op.hpp"
#include "ops/support/nll.hpp"
#include "ops/support/widen.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText negative_log_likelihood_loss_versions[] = {
    {12, "input:T target:Tind weight?:T -> loss:T", "ignore_index:int reduction:string=mean", "T=real Tind=i32,i64"},
    {13, "input:T target:Tind weight?:T -> loss:T", "ignore_index:int reduction:string=mean", "T=real Tind=i32,i64"},
    {22, "input:T target:Tind weight?:T -> loss:T", "ignore_index:int reduction:string=mean",
     "T=real,bf16 Tind=i32,i64"},
};

void eval_negative_log_likelihood_loss(EvalContext& c) { set_nll_loss(c, Widened<double>(c.input(0)).data()); }

}  // namespace

extern const OpDef negative_log_likelihood_loss_op{"", "NegativeLogLikelihoodLoss",
                                                   negative_log_likelihood_loss_versions, infer_nll_loss,
                                                   eval_negative_log_likelihood_loss};

}  // namespace kiln::ops
