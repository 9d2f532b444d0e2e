#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText cast_map_versions[] = {
    {1, "X:T1 -> Y:T2",
     "cast_to:string=TO_FLOAT map_form:string=DENSE max_map:int=1",
     "T1=map(i64,string),map(i64,f32) T2=string,f32,i64"},
};

}  // namespace

extern const OpDef cast_map_op{"ai.onnx.ml", "CastMap", cast_map_versions};

}  // namespace kiln::ops
