#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText adagrad_versions[] = {
    {1, "R:T1 T:T2 inputs~:T3 -> outputs~:T3",
     "decay_factor:float=0 epsilon:float=9.99999997e-07 norm_coefficient:float=0",
     "T1=f32,f64 T2=i64 T3=f32,f64"},
};

}  // namespace

extern const OpDef adagrad_op{"ai.onnx.preview.training", "Adagrad", adagrad_versions};

}  // namespace kiln::ops
