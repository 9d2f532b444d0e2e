#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText momentum_versions[] = {
    {1, "R:T1 T:T2 inputs~:T3 -> outputs~:T3",
     "alpha!:float beta!:float mode!:string norm_coefficient!:float",
     "T1=f32,f64 T2=i64 T3=f32,f64"},
};

}  // namespace

extern const OpDef momentum_op{"ai.onnx.preview.training", "Momentum", momentum_versions};

}  // namespace kiln::ops
