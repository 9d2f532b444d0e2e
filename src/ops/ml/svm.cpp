#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText svm_classifier_versions[] = {
    {1, "X:T1 -> Y:T2 Z:f32",
     "classlabels_ints:ints classlabels_strings:strings coefficients:floats kernel_params:floats "
     "kernel_type:string=LINEAR post_transform:string=NONE prob_a:floats prob_b:floats rho:floats "
     "support_vectors:floats vectors_per_class:ints",
     "T1=f32,f64,i64,i32 T2=string,i64"},
};

constexpr SchemaText svm_regressor_versions[] = {
    {1, "X:T -> Y:f32",
     "coefficients:floats kernel_params:floats kernel_type:string=LINEAR n_supports:int=0 one_class:int=0 "
     "post_transform:string=NONE rho:floats support_vectors:floats",
     "T=f32,f64,i64,i32"},
};

}  // namespace

extern const OpDef svm_classifier_op{"ai.onnx.ml", "SVMClassifier", svm_classifier_versions};
extern const OpDef svm_regressor_op{"ai.onnx.ml", "SVMRegressor", svm_regressor_versions};

}  // namespace kiln::ops
