#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText max_roi_pool_versions[] = {
    {1, "X:T rois:T -> Y:T", "pooled_shape!:ints spatial_scale:float=1", "T=real"},
    {22, "X:T rois:T -> Y:T", "pooled_shape!:ints spatial_scale:float=1", "T=real,bf16"},
};

}  // namespace

extern const OpDef max_roi_pool_op{"", "MaxRoiPool", max_roi_pool_versions};

}  // namespace kiln::ops
