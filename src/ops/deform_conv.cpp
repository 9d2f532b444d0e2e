#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText deform_conv_versions[] = {
    {19, "X:T W:T offset:T B?:T mask?:T -> Y:T",
     "dilations:ints group:int=1 kernel_shape:ints offset_group:int=1 pads:ints strides:ints",
     "T=real"},
    {22, "X:T W:T offset:T B?:T mask?:T -> Y:T",
     "dilations:ints group:int=1 kernel_shape:ints offset_group:int=1 pads:ints strides:ints",
     "T=real,bf16"},
};

}  // namespace

extern const OpDef deform_conv_op{"", "DeformConv", deform_conv_versions};

}  // namespace kiln::ops
