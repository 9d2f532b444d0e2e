#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText conv_versions[] = {
    {1, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints",
     "T=real"},
    {11, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints",
     "T=real"},
    {22, "X:T W:T B?:T -> Y:T",
     "auto_pad:string=NOTSET dilations:ints group:int=1 kernel_shape:ints pads:ints strides:ints",
     "T=real,bf16"},
};

}  // namespace

extern const OpDef conv_op{"", "Conv", conv_versions};

}  // namespace kiln::ops
