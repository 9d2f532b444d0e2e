#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText instance_normalization_versions[] = {
    {1, "input:T scale:T B:T -> output:T", "consumed_inputs:ints epsilon:float=9.99999975e-06", "T=real"},
    {6, "input:T scale:T B:T -> output:T", "epsilon:float=9.99999975e-06", "T=real"},
    {22, "input:T scale:T B:T -> output:T", "epsilon:float=9.99999975e-06", "T=real,bf16"},
};

}  // namespace

extern const OpDef instance_normalization_op{"", "InstanceNormalization", instance_normalization_versions};

}  // namespace kiln::ops
