#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText conv_integer_versions[] = {
    {10, "x:T1 w:T2 x_zero_point?:T1 w_zero_point?:T2 -> y:T3",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints",
     "T1=i8,u8 T2=i8,u8 T3=i32"},
};

}  // namespace

extern const OpDef conv_integer_op{"", "ConvInteger", conv_integer_versions};

}  // namespace kiln::ops
