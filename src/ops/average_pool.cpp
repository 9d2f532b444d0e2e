#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText average_pool_versions[] = {
    {1, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape!:ints pads:ints strides:ints", "T=real"},
    {7, "X:T -> Y:T",
     "auto_pad:string=NOTSET count_include_pad:int=0 kernel_shape!:ints pads:ints strides:ints",
     "T=real"},
    {10, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 count_include_pad:int=0 kernel_shape!:ints pads:ints strides:ints",
     "T=real"},
    {11, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 count_include_pad:int=0 kernel_shape!:ints pads:ints strides:ints",
     "T=real"},
    {19, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 count_include_pad:int=0 dilations:ints kernel_shape!:ints "
     "pads:ints strides:ints",
     "T=real"},
    {22, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 count_include_pad:int=0 dilations:ints kernel_shape!:ints "
     "pads:ints strides:ints",
     "T=real,bf16"},
};

}  // namespace

extern const OpDef average_pool_op{"", "AveragePool", average_pool_versions};

}  // namespace kiln::ops
