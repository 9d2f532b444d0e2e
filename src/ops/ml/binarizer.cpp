#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText binarizer_versions[] = {
    {1, "X:T -> Y:T", "threshold:float=0", "T=f32,f64,i64,i32"},
};

}  // namespace

extern const OpDef binarizer_op{"ai.onnx.ml", "Binarizer", binarizer_versions};

}  // namespace kiln::ops
