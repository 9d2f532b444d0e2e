#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText causal_conv_with_state_versions[] = {
    {27, "input:T weight:T bias?:T past_state?:T -> output:T present_state:T",
     "activation:string=none",
     "T=f32,f16,bf16"},
};

}  // namespace

extern const OpDef causal_conv_with_state_op{"", "CausalConvWithState", causal_conv_with_state_versions};

}  // namespace kiln::ops
