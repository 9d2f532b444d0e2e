#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText scaler_versions[] = {
    {1, "X:T -> Y:f32", "offset:floats scale:floats", "T=f32,f64,i64,i32"},
};

}  // namespace

extern const OpDef scaler_op{"ai.onnx.ml", "Scaler", scaler_versions};

}  // namespace kiln::ops
