#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText rms_normalization_versions[] = {
    {23, "X:T scale:V -> Y:V",
     "axis:int=-1 epsilon:float=9.99999975e-06 stash_type:int=1",
     "T=real,bf16 V=real,bf16"},
};

}  // namespace

extern const OpDef rms_normalization_op{"", "RMSNormalization", rms_normalization_versions};

}  // namespace kiln::ops
