#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText lrn_versions[] = {
    {1, "X:T -> Y:T", "alpha:float=9.99999975e-05 beta:float=0.75 bias:float=1 size!:int", "T=real"},
    {13, "X:T -> Y:T", "alpha:float=9.99999975e-05 beta:float=0.75 bias:float=1 size!:int", "T=real,bf16"},
};

}  // namespace

extern const OpDef lrn_op{"", "LRN", lrn_versions};

}  // namespace kiln::ops
