#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText array_feature_extractor_versions[] = {
    {1, "X:T Y:i64 -> Z:T", "", "T=f32,f64,i64,i32,string"},
};

}  // namespace

extern const OpDef array_feature_extractor_op{"ai.onnx.ml", "ArrayFeatureExtractor", array_feature_extractor_versions};

}  // namespace kiln::ops
