#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText lp_normalization_versions[] = {
    {1, "input:T -> output:T", "axis:int=-1 p:int=2", "T=real"},
    {22, "input:T -> output:T", "axis:int=-1 p:int=2", "T=real,bf16"},
};

}  // namespace

extern const OpDef lp_normalization_op{"", "LpNormalization", lp_normalization_versions};

}  // namespace kiln::ops
