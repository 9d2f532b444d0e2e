#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText group_normalization_versions[] = {
    {18, "X:T scale:T bias:T -> Y:T", "epsilon:float=9.99999975e-06 num_groups!:int", "T=real,bf16", true},
    {21, "X:T scale:T bias:T -> Y:T",
     "epsilon:float=9.99999975e-06 num_groups!:int stash_type:int=1",
     "T=real,bf16"},
};

}  // namespace

extern const OpDef group_normalization_op{"", "GroupNormalization", group_normalization_versions};

}  // namespace kiln::ops
