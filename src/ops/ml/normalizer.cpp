#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText normalizer_versions[] = {
    {1, "X:T -> Y:f32", "norm:string=MAX", "T=f32,f64,i64,i32"},
};

}  // namespace

extern const OpDef normalizer_op{"ai.onnx.ml", "Normalizer", normalizer_versions};

}  // namespace kiln::ops
