#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText imputer_versions[] = {
    {1, "X:T -> Y:T",
     "imputed_value_floats:floats imputed_value_int64s:ints replaced_value_float:float=0 "
     "replaced_value_int64:int=0",
     "T=f32,f64,i64,i32"},
};

}  // namespace

extern const OpDef imputer_op{"ai.onnx.ml", "Imputer", imputer_versions};

}  // namespace kiln::ops
