#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText qlinear_conv_versions[] = {
    {10, "x:T1 x_scale:f32 x_zero_point:T1 w:T2 w_scale:f32 w_zero_point:T2 y_scale:f32 y_zero_point:T3 B?:T4 -> "
     "y:T3",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints",
     "T1=i8,u8 T2=i8,u8 T3=i8,u8 T4=i32"},
};

}  // namespace

extern const OpDef qlinear_conv_op{"", "QLinearConv", qlinear_conv_versions};

}  // namespace kiln::ops
