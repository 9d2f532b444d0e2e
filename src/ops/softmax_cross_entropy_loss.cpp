#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText softmax_cross_entropy_loss_versions[] = {
    {12, "scores:T labels:Tind weights?:T -> output:T log_prob?:T",
     "ignore_index:int reduction:string=mean",
     "T=real Tind=i32,i64"},
    {13, "scores:T labels:Tind weights?:T -> output:T log_prob?:T",
     "ignore_index:int reduction:string=mean",
     "T=real,bf16 Tind=i32,i64"},
};

}  // namespace

extern const OpDef softmax_cross_entropy_loss_op{"", "SoftmaxCrossEntropyLoss", softmax_cross_entropy_loss_versions};

}  // namespace kiln::ops
