#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText flatten_versions[] = {
    {1, "input:T -> output:T", "axis:int=1", "T=real"},
    {9, "input:T -> output:T", "axis:int=1", "T=basic"},
    {11, "input:T -> output:T", "axis:int=1", "T=basic"},
    {13, "input:T -> output:T", "axis:int=1", "T=basic,bf16"},
    {21, "input:T -> output:T", "axis:int=1", "T=basic,float8,bf16,u4,i4"},
    {23, "input:T -> output:T", "axis:int=1", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "input:T -> output:T", "axis:int=1", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "input:T -> output:T", "axis:int=1", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef flatten_op{"", "Flatten", flatten_versions};

}  // namespace kiln::ops
