#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText gradient_versions[] = {
    {1, "Inputs~:T1 -> Outputs~:T2", "xs!:strings y!:string zs:strings", "T1=basic T2=real"},
};

}  // namespace

extern const OpDef gradient_op{"ai.onnx.preview.training", "Gradient", gradient_versions};

}  // namespace kiln::ops
