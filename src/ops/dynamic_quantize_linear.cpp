#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText dynamic_quantize_linear_versions[] = {
    {11, "x:T1 -> y:T2 y_scale:f32 y_zero_point:T2", "", "T1=f32 T2=u8"},
};

}  // namespace

extern const OpDef dynamic_quantize_linear_op{"", "DynamicQuantizeLinear", dynamic_quantize_linear_versions};

}  // namespace kiln::ops
