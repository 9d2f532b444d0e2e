#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText roi_align_versions[] = {
    {10, "X:T1 rois:T1 batch_indices:T2 -> Y:T1",
     "mode:string=avg output_height:int=1 output_width:int=1 sampling_ratio:int=0 spatial_scale:float=1",
     "T1=real T2=i64"},
    {16, "X:T1 rois:T1 batch_indices:T2 -> Y:T1",
     "coordinate_transformation_mode:string=half_pixel mode:string=avg output_height:int=1 output_width:int=1 "
     "sampling_ratio:int=0 spatial_scale:float=1",
     "T1=real T2=i64"},
    {22, "X:T1 rois:T1 batch_indices:T2 -> Y:T1",
     "coordinate_transformation_mode:string=half_pixel mode:string=avg output_height:int=1 output_width:int=1 "
     "sampling_ratio:int=0 spatial_scale:float=1",
     "T1=real,bf16 T2=i64"},
};

}  // namespace

extern const OpDef roi_align_op{"", "RoiAlign", roi_align_versions};

}  // namespace kiln::ops
