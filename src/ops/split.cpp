#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText split_versions[] = {
    {1, "input:T split?:T -> outputs...*:T", "axis:int split:ints", "T=real"},
    {2, "input:T -> outputs*:T", "axis:int=0 split:ints", "T=basic"},
    {11, "input:T -> outputs*:T", "axis:int=0 split:ints", "T=basic"},
    {13, "input:T split?:i64 -> outputs*:T", "axis:int=0", "T=basic,bf16"},
    {18, "input:T split?:i64 -> outputs*:T", "axis:int=0 num_outputs:int", "T=basic,bf16"},
};

}  // namespace

extern const OpDef split_op{"", "Split", split_versions};

}  // namespace kiln::ops
