#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText adam_versions[] = {
    {1, "R:T1 T:T2 inputs~:T3 -> outputs~:T3",
     "alpha:float=0.899999976 beta:float=0.999000013 epsilon:float=9.99999997e-07 norm_coefficient:float=0 "
     "norm_coefficient_post:float=0",
     "T1=f32,f64 T2=i64 T3=f32,f64"},
};

}  // namespace

extern const OpDef adam_op{"ai.onnx.preview.training", "Adam", adam_versions};

}  // namespace kiln::ops
