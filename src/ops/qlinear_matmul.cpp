#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText qlinear_matmul_versions[] = {
    {10, "a:T1 a_scale:f32 a_zero_point:T1 b:T2 b_scale:f32 b_zero_point:T2 y_scale:f32 y_zero_point:T3 -> y:T3",
     "",
     "T1=i8,u8 T2=i8,u8 T3=i8,u8"},
    {21, "a:T1 a_scale:TS a_zero_point:T1 b:T2 b_scale:TS b_zero_point:T2 y_scale:TS y_zero_point:T3 -> y:T3",
     "",
     "TS=f32,f16,bf16 T1=float8,i8,u8 T2=float8,i8,u8 T3=float8,i8,u8"},
};

}  // namespace

extern const OpDef qlinear_matmul_op{"", "QLinearMatMul", qlinear_matmul_versions};

}  // namespace kiln::ops
