#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText layer_normalization_versions[] = {
    {17, "X:T Scale:T B?:T -> Y:T Mean?:U InvStdDev?:U",
     "axis:int=-1 epsilon:float=9.99999975e-06 stash_type:int=1",
     "T=real,bf16 U=f32,bf16"},
};

}  // namespace

extern const OpDef layer_normalization_op{"", "LayerNormalization", layer_normalization_versions};

}  // namespace kiln::ops
