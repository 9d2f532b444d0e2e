#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText reshape_versions[] = {
    {1, "data:T -> reshaped:T", "consumed_inputs:ints shape:ints", "T=real"},
    {5, "data:T shape:i64 -> reshaped:T", "", "T=basic"},
    {13, "data:T shape:i64 -> reshaped:T", "", "T=basic,bf16"},
    {14, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,bf16"},
    {19, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16"},
    {21, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16,u4,i4"},
    {23, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1"},
    {24, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0"},
    {25, "data:T shape:i64 -> reshaped:T", "allowzero:int=0", "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2"},
};

}  // namespace

extern const OpDef reshape_op{"", "Reshape", reshape_versions};

}  // namespace kiln::ops
