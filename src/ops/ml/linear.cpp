#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText linear_classifier_versions[] = {
    {1, "X:T1 -> Y:T2 Z:f32",
     "classlabels_ints:ints classlabels_strings:strings coefficients!:floats intercepts:floats "
     "multi_class:int=0 post_transform:string=NONE",
     "T1=f32,f64,i64,i32 T2=string,i64"},
};

constexpr SchemaText linear_regressor_versions[] = {
    {1, "X:T -> Y:f32",
     "coefficients:floats intercepts:floats post_transform:string=NONE targets:int=1",
     "T=f32,f64,i64,i32"},
};

}  // namespace

extern const OpDef linear_classifier_op{"ai.onnx.ml", "LinearClassifier", linear_classifier_versions};
extern const OpDef linear_regressor_op{"ai.onnx.ml", "LinearRegressor", linear_regressor_versions};

}  // namespace kiln::ops
