#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText feature_vectorizer_versions[] = {
    {1, "X*:T1 -> Y:f32", "inputdimensions:ints", "T1=i32,i64,f32,f64"},
};

}  // namespace

extern const OpDef feature_vectorizer_op{"ai.onnx.ml", "FeatureVectorizer", feature_vectorizer_versions};

}  // namespace kiln::ops
