#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText category_mapper_versions[] = {
    {1, "X:T1 -> Y:T2",
     "cats_int64s:ints cats_strings:strings default_int64:int=-1 default_string:string=_Unused",
     "T1=string,i64 T2=string,i64"},
};

}  // namespace

extern const OpDef category_mapper_op{"ai.onnx.ml", "CategoryMapper", category_mapper_versions};

}  // namespace kiln::ops
