#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText pad_versions[] = {
    {1, "data:T -> output:T", "mode:string=constant paddings!:ints value:float=0", "T=real"},
    {2, "data:T -> output:T", "mode:string=constant pads!:ints value:float=0", "T=real"},
    {11, "data:T pads:i64 constant_value?:T -> output:T", "mode:string=constant", "T=numeric"},
    {13, "data:T pads:i64 constant_value?:T -> output:T", "mode:string=constant", "T=basic,bf16"},
    {18, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T",
     "mode:string=constant",
     "T=basic,bf16 Tind=i32,i64"},
    {19, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T",
     "mode:string=constant",
     "T=basic,bf16 Tind=i32,i64"},
    {21, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T",
     "mode:string=constant",
     "T=basic,float8,bf16,u4,i4 Tind=i32,i64"},
    {23, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T",
     "mode:string=constant",
     "T=basic,float8,bf16,u4,i4,f4e2m1 Tind=i32,i64"},
    {24, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T",
     "mode:string=constant",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0 Tind=i32,i64"},
    {25, "data:T pads:i64 constant_value?:T axes?:Tind -> output:T",
     "mode:string=constant",
     "T=basic,float8,bf16,u4,i4,f4e2m1,f8e8m0,u2,i2 Tind=i32,i64"},
};

}  // namespace

extern const OpDef pad_op{"", "Pad", pad_versions};

}  // namespace kiln::ops
