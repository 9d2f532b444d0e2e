#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText col2im_versions[] = {
    {18, "input:T image_shape:i64 block_shape:i64 -> output:T",
     "dilations:ints pads:ints strides:ints",
     "T=basic,bf16"},
};

}  // namespace

extern const OpDef col2im_op{"", "Col2Im", col2im_versions};

}  // namespace kiln::ops
