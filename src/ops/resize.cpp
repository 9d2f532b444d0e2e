#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText resize_versions[] = {
    {10, "X:T scales:f32 -> Y:T", "mode:string=nearest", "T=basic"},
    {11, "X:T1 roi:T2 scales:f32 sizes?:i64 -> Y:T1",
     "coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 exclude_outside:int=0 "
     "extrapolation_value:float=0 mode:string=nearest nearest_mode:string=round_prefer_floor",
     "T1=basic T2=real"},
    {13, "X:T1 roi?:T2 scales?:f32 sizes?:i64 -> Y:T1",
     "coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 exclude_outside:int=0 "
     "extrapolation_value:float=0 mode:string=nearest nearest_mode:string=round_prefer_floor",
     "T1=basic,bf16 T2=real"},
    {18, "X:T1 roi?:T2 scales?:f32 sizes?:i64 -> Y:T1",
     "antialias:int=0 axes:ints coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 "
     "exclude_outside:int=0 extrapolation_value:float=0 keep_aspect_ratio_policy:string=stretch "
     "mode:string=nearest nearest_mode:string=round_prefer_floor",
     "T1=basic,bf16 T2=real"},
    {19, "X:T1 roi?:T2 scales?:f32 sizes?:i64 -> Y:T1",
     "antialias:int=0 axes:ints coordinate_transformation_mode:string=half_pixel cubic_coeff_a:float=-0.75 "
     "exclude_outside:int=0 extrapolation_value:float=0 keep_aspect_ratio_policy:string=stretch "
     "mode:string=nearest nearest_mode:string=round_prefer_floor",
     "T1=basic,bf16 T2=real"},
};

constexpr SchemaText upsample_versions[] = {
    {1, "X:T -> Y:T", "height_scale!:float mode:string=nearest width_scale!:float", "T=real,bool,i32,i64"},
    {7, "X:T -> Y:T", "mode:string=nearest scales!:floats", "T=basic"},
    {9, "X:T scales:f32 -> Y:T", "mode:string=nearest", "T=basic"},
    {10, "X:T scales:f32 -> Y:T", "mode:string=nearest", "T=basic", true},
};

}  // namespace

extern const OpDef resize_op{"", "Resize", resize_versions};
extern const OpDef upsample_op{"", "Upsample", upsample_versions};

}  // namespace kiln::ops
