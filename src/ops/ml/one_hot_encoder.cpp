#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText one_hot_encoder_versions[] = {
    {1, "X:T -> Y:f32", "cats_int64s:ints cats_strings:strings zeros:int=1", "T=string,i64,i32,f32,f64"},
};

}  // namespace

extern const OpDef one_hot_encoder_op{"ai.onnx.ml", "OneHotEncoder", one_hot_encoder_versions};

}  // namespace kiln::ops
