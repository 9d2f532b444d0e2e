#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dequantize_linear_versions[] = {
    {10, "x:T x_scale:f32 x_zero_point?:T -> y:f32", "", "T=i8,u8,i32"},
    {13, "x:T x_scale:f32 x_zero_point?:T -> y:f32", "axis:int=1", "T=i8,u8,i32"},
    {19, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T2", "axis:int=1", "T1=float8,i8,u8,i32 T2=f32,f16,bf16"},
    {21, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T2",
     "axis:int=1 block_size:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4 T2=f32,f16,bf16"},
    {23, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4,f4e2m1 T2=f32,f16,bf16 T3=f32,f16,bf16"},
    {24, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4,f4e2m1 T2=f32,f16,bf16,f8e8m0 T3=f32,f16,bf16"},
    {25, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4,f4e2m1,u2,i2 T2=f32,f16,bf16,f8e8m0 T3=f32,f16,bf16"},
    {28, "x:T1 x_scale:T2 x_zero_point?:T1 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0",
     "T1=float8,i8,u8,i16,u16,i32,u4,i4,f4e2m1,u2,i2,f6e2m3,f6e3m2 T2=f32,f16,bf16,f8e8m0 T3=f32,f16,bf16"},
};

}  // namespace

extern const OpDef dequantize_linear_op{"", "DequantizeLinear", dequantize_linear_versions};

}  // namespace kiln::ops
