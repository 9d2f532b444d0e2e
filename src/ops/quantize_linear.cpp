#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText quantize_linear_versions[] = {
    {10, "x:T1 y_scale:f32 y_zero_point?:T2 -> y:T2", "", "T1=f32,i32 T2=i8,u8"},
    {13, "x:T1 y_scale:f32 y_zero_point?:T2 -> y:T2", "axis:int=1", "T1=f32,i32 T2=i8,u8"},
    {19, "x:T1 y_scale:T1 y_zero_point?:T2 -> y:T2",
     "axis:int=1 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=float8,i8,u8"},
    {21, "x:T1 y_scale:T1 y_zero_point?:T2 -> y:T2",
     "axis:int=1 block_size:int=0 output_dtype:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=float8,i8,u8,i16,u16,u4,i4"},
    {23, "x:T1 y_scale:T2 y_zero_point?:T3 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0 precision:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=f32,f16,bf16,i32 T3=float8,i8,u8,i16,u16,u4,i4,f4e2m1"},
    {24, "x:T1 y_scale:T2 y_zero_point?:T3 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0 precision:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=f32,f16,bf16,i32,f8e8m0 T3=float8,i8,u8,i16,u16,u4,i4,f4e2m1"},
    {25, "x:T1 y_scale:T2 y_zero_point?:T3 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0 precision:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=f32,f16,bf16,i32,f8e8m0 T3=float8,i8,u8,i16,u16,u4,i4,f4e2m1,u2,i2"},
    {28, "x:T1 y_scale:T2 y_zero_point?:T3 -> y:T3",
     "axis:int=1 block_size:int=0 output_dtype:int=0 precision:int=0 saturate:int=1",
     "T1=f32,f16,bf16,i32 T2=f32,f16,bf16,i32,f8e8m0 T3=float8,i8,u8,i16,u16,u4,i4,f4e2m1,u2,i2,f6e2m3,f6e3m2"},
};

}  // namespace

extern const OpDef quantize_linear_op{"", "QuantizeLinear", quantize_linear_versions};

}  // namespace kiln::ops
