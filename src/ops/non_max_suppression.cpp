#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText non_max_suppression_versions[] = {
    {10, "boxes:f32 scores:f32 max_output_boxes_per_class?:i64 iou_threshold?:f32 score_threshold?:f32 -> "
     "selected_indices:i64",
     "center_point_box:int=0"},
    {11, "boxes:f32 scores:f32 max_output_boxes_per_class?:i64 iou_threshold?:f32 score_threshold?:f32 -> "
     "selected_indices:i64",
     "center_point_box:int=0"},
};

}  // namespace

extern const OpDef non_max_suppression_op{"", "NonMaxSuppression", non_max_suppression_versions};

}  // namespace kiln::ops
