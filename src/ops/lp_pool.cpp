#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText lp_pool_versions[] = {
    {1, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape:ints p:float=2 pads:ints strides:ints", "T=real"},
    {2, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape!:ints p:int=2 pads:ints strides:ints", "T=real"},
    {11, "X:T -> Y:T", "auto_pad:string=NOTSET kernel_shape!:ints p:int=2 pads:ints strides:ints", "T=real"},
    {18, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints p:int=2 pads:ints strides:ints",
     "T=real"},
    {22, "X:T -> Y:T",
     "auto_pad:string=NOTSET ceil_mode:int=0 dilations:ints kernel_shape!:ints p:int=2 pads:ints strides:ints",
     "T=real,bf16"},
};

}  // namespace

extern const OpDef lp_pool_op{"", "LpPool", lp_pool_versions};

}  // namespace kiln::ops
