#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText center_crop_pad_versions[] = {
    {18, "input_data:T shape:Tind -> output_data:T", "axes:ints", "T=basic,bf16 Tind=i32,i64"},
};

}  // namespace

extern const OpDef center_crop_pad_op{"", "CenterCropPad", center_crop_pad_versions};

}  // namespace kiln::ops
