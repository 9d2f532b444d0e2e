#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText max_pool_versions[] = {
    {1, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape!:ints pads:ints strides:ints", "T=real"},
    {8, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET kernel_shape!:ints pads:ints storage_order:int=0 strides:ints",
     "T=real I=i64"},
    {10, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints pads:ints storage_order:int=0 "
     "strides:ints",
     "T=real I=i64"},
    {11, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints pads:ints storage_order:int=0 "
     "strides:ints",
     "T=real I=i64"},
    {12, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints pads:ints storage_order:int=0 "
     "strides:ints",
     "T=real,i8,u8 I=i64"},
    {22, "X:T -> Y:T Indices?:I",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints pads:ints storage_order:int=0 "
     "strides:ints",
     "T=real,bf16,i8,u8 I=i64"},
};

}  // namespace

extern const OpDef max_pool_op{"", "MaxPool", max_pool_versions};

}  // namespace kiln::ops
