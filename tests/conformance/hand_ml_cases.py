"""Hand-made cases of ai.onnx.ml, which has hardly a conformance case."""
from __future__ import annotations

import functools

import numpy as np
from onnx import TensorProto, helper

import hand_cases
from hand_cases import f32, i64

case = functools.partial(hand_cases.case, domain="ai.onnx.ml")


def strings(*values):
    return np.array(values, object)


def declare_maps():
    case("CastMap", (1,), [{1: 1.5, 0: 2.5}], [f32([[2.5, 1.5]])])
    case("CastMap", (1,), [{3: 1.5, 0: 2.5}], [f32([[2.5, 0, 0, 1.5, 0]])], map_form="SPARSE", max_map=5)
    case("CastMap", (1,), [{0: 2.0}], [i64([[2]])], cast_to="TO_INT64")
    case("DictVectorizer", (1,), [{"a": 4.0, "c": 8.0}], [f32([[4, 8, 0, 0]])], string_vocabulary=["a", "c", "b", "z"])
    case("DictVectorizer", (1,), [{10: 4.0}], [f32([[0, 4]])], int64_vocabulary=[20, 10])
    case("ZipMap", (1,), [f32([[0.25, 0.75], [1, 0]])], [[{"a": 0.25, "b": 0.75}, {"a": 1.0, "b": 0.0}]],
         classlabels_strings=["a", "b"])
    case("ZipMap", (1,), [f32([[0.25, 0.75]])], [[{7: 0.25, 9: 0.75}]], classlabels_int64s=[7, 9])


def declare_labels():
    names = {"cats_strings": ["cat", "dog"], "cats_int64s": [10, 20]}
    case("CategoryMapper", (1,), [strings("dog", "cow", "cat")], [i64(20, -5, 10)], default_int64=-5, **names)
    case("CategoryMapper", (1,), [i64(10, 11)], [strings("cat", "_Unused")], **names)
    case("LabelEncoder", (1,), [strings("b", "c", "a")], [i64(1, -1, 0)], classes_strings=["a", "b"])
    case("LabelEncoder", (1,), [i64(1, 5)], [strings("b", "none")], classes_strings=["a", "b"], default_string="none")
    case("LabelEncoder", (2, 4), [strings("b", "x")], [f32(2.5, -1)], keys_strings=["a", "b"], values_floats=[1.5, 2.5],
         default_float=-1.0)
    case("LabelEncoder", (2, 4), [i64(3, 4)], [strings("three", "_Unused")], keys_int64s=[3], values_strings=["three"])
    case("LabelEncoder", (4,), [f32(1, np.nan)], [i64(4, 5)], keys_floats=[1.0, np.nan], values_int64s=[4, 5])
    case("OneHotEncoder", (1,), [i64(2, 9)], [f32([[0, 1], [0, 0]])], cats_int64s=[1, 2])
    case("OneHotEncoder", (1,), [strings("x")], [f32([[1, 0]])], cats_strings=["x", "y"], zeros=0)


def declare_features():
    x = f32([[1, -4], [3, 0]])
    case("FeatureVectorizer", (1,), [x, np.array([[7], [8]], np.float32)], [f32([[1, -4, 7], [3, 0, 8]])],
         inputdimensions=[2, 1])
    case("Imputer", (1,), [f32([[np.nan, 1], [2, np.nan]])], [f32([[5, 1], [2, 6]])], imputed_value_floats=[5.0, 6.0],
         replaced_value_float=float("nan"))
    case("Imputer", (1,), [i64([[0, 1]])], [i64([[9, 1]])], imputed_value_int64s=[9], replaced_value_int64=0)
    case("Normalizer", (1,), [f32([[1, 4], [3, 0]])], [f32([[0.25, 1], [1, 0]])], norm="MAX")
    case("Normalizer", (1,), [x], [f32([[0.2, -0.8], [1, 0]])], norm="L1")
    case("Normalizer", (1,), [f32([[3, -4]])], [f32([[0.6, -0.8]])], norm="L2")
    case("Scaler", (1,), [x], [f32([[0, -10], [4, -2]])], offset=[1.0, 1.0], scale=[2.0, 2.0])


def declare_linear():
    x = f32([[1, 2], [3, -1]])
    case("LinearRegressor", (1,), [x], [f32([[5.5], [1.5]])], coefficients=[1.0, 2.0], intercepts=[0.5])
    case("LinearRegressor", (1,), [x], [f32([[1, 2], [3, -1]])], coefficients=[1.0, 0.0, 0.0, 1.0], targets=2)
    case("LinearClassifier", (1,), [x], [i64(20, 10), f32([[1, 2], [3, -1]])], coefficients=[1.0, 0.0, 0.0, 1.0],
         intercepts=[0.0, 0.0], classlabels_ints=[10, 20])
    soft = np.exp([[1.0, 2, 0], [3, -1, 0]])
    soft = (soft / soft.sum(axis=1, keepdims=True)).astype(np.float32)
    case("LinearClassifier", (1,), [x], [strings("b", "a"), soft], coefficients=[1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
         intercepts=[0.0, 0.0, 0.0], classlabels_strings=["a", "b", "c"], post_transform="SOFTMAX")
    case("SVMRegressor", (1,), [x], [f32([[-1.5], [8.5]])], coefficients=[2.0], support_vectors=[1.0, -1.0], rho=[0.5],
         n_supports=1, kernel_params=[0.0, 0.0, 0.0])
    radial = np.exp(-0.5 * np.array([[1.0], [8.0]])) + 0.25
    case("SVMRegressor", (1,), [x], [radial.astype(np.float32)], coefficients=[1.0], support_vectors=[1.0, 1.0],
         rho=[0.25], n_supports=1, kernel_type="RBF", kernel_params=[0.5, 0.0, 0.0])
    # Without support vectors it is linear in the features, one row of coefficients for each class.
    case("SVMClassifier", (1,), [x], [i64(1, 0), f32([[1, 2, 0], [3, -1, 0]])], coefficients=[1.0, 0, 0, 1.0, 0, 0],
         rho=[0.0], classlabels_ints=[0, 1, 2], kernel_params=[0.0, 0.0, 0.0])


def declare_trees():
    """One tree of one question: is feature 1 at most 0.5?"""
    tree = {"nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [1, 0, 0],
            "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_truenodeids": [1, 0, 0],
            "nodes_falsenodeids": [2, 0, 0], "nodes_missing_value_tracks_true": [0, 0, 0]}
    x = f32([[9, 0.5], [9, 0.75]])

    def thresholds(double):
        if not double:
            return {"nodes_values": [0.5, 0.0, 0.0]}
        return {"nodes_values_as_tensor": helper.make_tensor("v", TensorProto.DOUBLE, [3], [0.5, 0.0, 0.0])}

    def weights(prefix, values, double):
        if not double:
            return {prefix: values}
        return {f"{prefix}_as_tensor": helper.make_tensor("w", TensorProto.DOUBLE, [len(values)], values)}

    for versions, double in (((1, 3), False), ((3,), True)):
        data = x.astype(np.float64) if double else x
        case("TreeEnsembleRegressor", versions, [data], [f32([[10], [20]])], target_treeids=[0, 0],
             target_nodeids=[1, 2], target_ids=[0, 0], n_targets=1, **tree, **thresholds(double),
             **weights("target_weights", [10.0, 20.0], double))
        case("TreeEnsembleClassifier", versions, [data], [i64(5, 7), f32([[0.75, 0.25, 0], [0.25, 0.25, 0.5]])],
             class_treeids=[0] * 5, class_nodeids=[1, 1, 2, 2, 2], class_ids=[0, 1, 0, 1, 2],
             classlabels_int64s=[5, 6, 7], **tree, **thresholds(double),
             **weights("class_weights", [0.75, 0.25, 0.25, 0.25, 0.5], double))
    # Two classes, of which the leaves name one id: as converters write it, the weight is the second class's
    # probability, and the first has what is left to 1.
    case("TreeEnsembleClassifier", (1,), [x], [strings("no", "yes"), f32([[0.75, 0.25], [0.25, 0.75]])],
         class_treeids=[0, 0], class_nodeids=[1, 2], class_ids=[0, 0], class_weights=[0.25, 0.75],
         classlabels_strings=["no", "yes"], **tree, **thresholds(False))


for _declare in (declare_maps, declare_labels, declare_features, declare_linear, declare_trees):
    _declare()
