#include "ops/context.hpp"
#include "ops/op.hpp"

namespace kiln::ops {
namespace {

constexpr SchemaText tree_ensemble_versions[] = {
    {5, "X:T -> Y:T",
     "aggregate_function:int=1 leaf_targetids!:ints leaf_weights!:tensor membership_values:tensor "
     "n_targets:int nodes_falseleafs!:ints nodes_falsenodeids!:ints nodes_featureids!:ints "
     "nodes_hitrates:tensor nodes_missing_value_tracks_true:ints nodes_modes!:tensor nodes_splits!:tensor "
     "nodes_trueleafs!:ints nodes_truenodeids!:ints post_transform:int=0 tree_roots!:ints",
     "T=real"},
};

constexpr SchemaText tree_ensemble_classifier_versions[] = {
    {1, "X:T1 -> Y:T2 Z:f32",
     "base_values:floats class_ids:ints class_nodeids:ints class_treeids:ints class_weights:floats "
     "classlabels_int64s:ints classlabels_strings:strings nodes_falsenodeids:ints nodes_featureids:ints "
     "nodes_hitrates:floats nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints "
     "nodes_treeids:ints nodes_truenodeids:ints nodes_values:floats post_transform:string=NONE",
     "T1=f32,f64,i64,i32 T2=string,i64"},
    {3, "X:T1 -> Y:T2 Z:f32",
     "base_values:floats base_values_as_tensor:tensor class_ids:ints class_nodeids:ints class_treeids:ints "
     "class_weights:floats class_weights_as_tensor:tensor classlabels_int64s:ints classlabels_strings:strings "
     "nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats nodes_hitrates_as_tensor:tensor "
     "nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints nodes_treeids:ints "
     "nodes_truenodeids:ints nodes_values:floats nodes_values_as_tensor:tensor post_transform:string=NONE",
     "T1=f32,f64,i64,i32 T2=string,i64"},
    {5, "X:T1 -> Y:T2 Z:f32",
     "base_values:floats base_values_as_tensor:tensor class_ids:ints class_nodeids:ints class_treeids:ints "
     "class_weights:floats class_weights_as_tensor:tensor classlabels_int64s:ints classlabels_strings:strings "
     "nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats nodes_hitrates_as_tensor:tensor "
     "nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints nodes_treeids:ints "
     "nodes_truenodeids:ints nodes_values:floats nodes_values_as_tensor:tensor post_transform:string=NONE",
     "T1=f32,f64,i64,i32 T2=string,i64",
     true},
};

constexpr SchemaText tree_ensemble_regressor_versions[] = {
    {1, "X:T -> Y:f32",
     "aggregate_function:string=SUM base_values:floats n_targets:int nodes_falsenodeids:ints "
     "nodes_featureids:ints nodes_hitrates:floats nodes_missing_value_tracks_true:ints nodes_modes:strings "
     "nodes_nodeids:ints nodes_treeids:ints nodes_truenodeids:ints nodes_values:floats "
     "post_transform:string=NONE target_ids:ints target_nodeids:ints target_treeids:ints target_weights:floats",
     "T=f32,f64,i64,i32"},
    {3, "X:T -> Y:f32",
     "aggregate_function:string=SUM base_values:floats base_values_as_tensor:tensor n_targets:int "
     "nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats nodes_hitrates_as_tensor:tensor "
     "nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints nodes_treeids:ints "
     "nodes_truenodeids:ints nodes_values:floats nodes_values_as_tensor:tensor post_transform:string=NONE "
     "target_ids:ints target_nodeids:ints target_treeids:ints target_weights:floats "
     "target_weights_as_tensor:tensor",
     "T=f32,f64,i64,i32"},
    {5, "X:T -> Y:f32",
     "aggregate_function:string=SUM base_values:floats base_values_as_tensor:tensor n_targets:int "
     "nodes_falsenodeids:ints nodes_featureids:ints nodes_hitrates:floats nodes_hitrates_as_tensor:tensor "
     "nodes_missing_value_tracks_true:ints nodes_modes:strings nodes_nodeids:ints nodes_treeids:ints "
     "nodes_truenodeids:ints nodes_values:floats nodes_values_as_tensor:tensor post_transform:string=NONE "
     "target_ids:ints target_nodeids:ints target_treeids:ints target_weights:floats "
     "target_weights_as_tensor:tensor",
     "T=f32,f64,i64,i32",
     true},
};

}  // namespace

extern const OpDef tree_ensemble_op{"ai.onnx.ml", "TreeEnsemble", tree_ensemble_versions};
extern const OpDef tree_ensemble_classifier_op{"ai.onnx.ml", "TreeEnsembleClassifier", tree_ensemble_classifier_versions};
extern const OpDef tree_ensemble_regressor_op{"ai.onnx.ml", "TreeEnsembleRegressor", tree_ensemble_regressor_versions};

}  // namespace kiln::ops
