"""The rules of ai.onnx.ml that its text leaves open, and what is refused of hostile trees, indices and attributes."""
import kiln
import numpy as np
import pytest
from one_node import run_node
from onnx import TensorProto, helper

ML = "ai.onnx.ml"
TREE = {
    "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [1, 0, 0],
    "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0], "nodes_values": [0.5, 0.0, 0.0],
    "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
}
REGRESSOR = {**TREE, "n_targets": 1, "target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 0],
             "target_weights": [10.0, 20.0]}
CLASSIFIER = {**TREE, "class_treeids": [0, 0], "class_nodeids": [1, 2], "class_ids": [0, 0],
              "class_weights": [0.2, 0.9], "classlabels_strings": ["no", "yes"]}
ROWS = np.array([[9, 0.5], [9, 0.6], [9, np.nan]], np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tree_regressor(dtype):
    rows = ROWS.astype(dtype)
    y, = run_node("TreeEnsembleRegressor", 3, [rows], domain=ML, **REGRESSOR)
    np.testing.assert_array_equal(y, np.array([[10], [20], [20]], np.float32))
    y, = run_node("TreeEnsembleRegressor", 3, [rows], domain=ML, **REGRESSOR, base_values=[1.0],
                  nodes_missing_value_tracks_true=[1, 0, 0])
    np.testing.assert_array_equal(y, np.array([[11], [21], [11]], np.float32))


def test_binary_tree_classifier():
    labels, scores = run_node("TreeEnsembleClassifier", 3, [ROWS[:2]], 2, domain=ML, **CLASSIFIER)
    assert list(labels) == ["no", "yes"]
    np.testing.assert_allclose(scores, [[0.8, 0.2], [0.1, 0.9]], rtol=1e-6)
    mixed = {**CLASSIFIER, "class_weights": [-0.2, 0.9], "post_transform": "LOGISTIC"}
    labels, scores = run_node("TreeEnsembleClassifier", 3, [ROWS[:2]], 2, domain=ML, **mixed)
    positive = 1 / (1 + np.exp([0.2, -0.9]))
    np.testing.assert_allclose(scores, np.stack([1 - positive, positive], 1), rtol=1e-6)


@pytest.mark.parametrize("change,message", [
    ({"nodes_truenodeids": [0, 0, 0]}, "circle"),
    ({"nodes_truenodeids": [7, 0, 0]}, "no node 7"),
    ({"nodes_nodeids": [0, 1, 1]}, "twice"),
    ({"nodes_featureids": [2, 0, 0]}, "feature 2"),
    ({"nodes_featureids": [-1, 0, 0]}, "feature -1"),
    ({"nodes_modes": ["BRANCH_LEQ", "LEAF"]}, "nodes_modes has 2 elements, expected 3"),
    ({"nodes_modes": ["BRANCH", "LEAF", "LEAF"]}, "mode is 'BRANCH'"),
    ({"target_ids": [0, 1]}, "target 1"),
    ({"target_ids": [0, -1]}, "target -1"),
    ({"n_targets": 0}, "n_targets is 0"),
    ({"post_transform": "LOG"}, "post_transform is 'LOG'"),
])
def test_broken_trees(change, message):
    with pytest.raises(kiln.Error, match=message):
        run_node("TreeEnsembleRegressor", 3, [ROWS], domain=ML, **{**REGRESSOR, **change})


def floats(name, values, dtype=TensorProto.FLOAT):
    return helper.make_tensor(name, dtype, [len(values)], values)


ENSEMBLE = {
    "n_targets": 1, "tree_roots": [0], "nodes_featureids": [0], "nodes_truenodeids": [0], "nodes_falsenodeids": [1],
    "nodes_trueleafs": [1], "nodes_falseleafs": [1], "nodes_splits": floats("s", [1.5]),
    "nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [1], [0]), "leaf_targetids": [0, 0],
    "leaf_weights": floats("w", [3.0, 4.0]),
}


def test_tree_ensemble():
    x = np.array([[1.0], [2.0]], np.float32)
    np.testing.assert_array_equal(run_node("TreeEnsemble", 5, [x], domain=ML, **ENSEMBLE)[0], [[3], [4]])
    twice = {**ENSEMBLE, "tree_roots": [0, 0], "aggregate_function": 0}
    np.testing.assert_array_equal(run_node("TreeEnsemble", 5, [x], domain=ML, **twice)[0], [[3], [4]])


@pytest.mark.parametrize("change,message", [
    ({"tree_roots": [1]}, "node 1"),
    ({"nodes_falsenodeids": [2]}, "leaf 2"),
    ({"nodes_trueleafs": [0]}, "circle"),
    ({"nodes_splits": floats("s", [1.5], TensorProto.DOUBLE)}, "nodes_splits"),
    ({"nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [1], [7])}, "0 to 6"),
    ({"nodes_modes": helper.make_tensor("m", TensorProto.UINT8, [1], [6])}, "too few sets"),
    ({"aggregate_function": 4}, "aggregate_function"),
])
def test_broken_tree_ensembles(change, message):
    with pytest.raises(kiln.Error, match=message):
        run_node("TreeEnsemble", 5, [np.ones((2, 1), np.float32)], domain=ML, **{**ENSEMBLE, **change})


def test_linear_classifier_with_one_score_for_two_labels():
    x = np.array([[1.0], [-2.0]], np.float32)
    labels, scores = run_node("LinearClassifier", 1, [x], 2, domain=ML, coefficients=[1.0], intercepts=[0.5],
                              classlabels_ints=[4, 9], post_transform="LOGISTIC")
    positive = 1 / (1 + np.exp([-1.5, 1.5]))
    assert list(labels) == [9, 4]
    np.testing.assert_allclose(scores, np.stack([1 - positive, positive], 1), rtol=1e-6)


@pytest.mark.parametrize("op,inputs,outputs,attributes,message", [
    ("LinearClassifier", [np.ones((2, 3), np.float32)], 2,
     {"coefficients": [1.0], "intercepts": [1.0], "classlabels_ints": [1]}, "do not fit"),
    ("LinearClassifier", [np.ones((2, 1), np.float32)], 2,
     {"coefficients": [1.0, 2.0], "intercepts": [1.0, 1.0], "classlabels_ints": [1]}, "names? class 1"),
    ("LinearRegressor", [np.ones((2, 3), np.float32)], 1, {"coefficients": [1.0] * 5}, "do not fit"),
    ("SVMRegressor", [np.ones((2, 3), np.float32)], 1,
     {"coefficients": [1.0], "n_supports": 2, "support_vectors": [1.0] * 6, "rho": [0.0]}, "coefficients has 1"),
    ("SVMClassifier", [np.ones((2, 3), np.float32)], 2,
     {"coefficients": [1.0], "vectors_per_class": [1, 1], "support_vectors": [1.0] * 6, "rho": [0.0],
      "classlabels_ints": [0, 1]}, "too few"),
    ("SVMClassifier", [np.ones((2, 3), np.float32)], 2,
     {"coefficients": [1.0], "vectors_per_class": [-1, 1], "support_vectors": [1.0] * 6, "rho": [0.0],
      "classlabels_ints": [0, 1]}, "-1"),
    ("ArrayFeatureExtractor", [np.ones((2, 3), np.float32), np.array([3])], 1, {}, "index 3"),
    ("ArrayFeatureExtractor", [np.ones((2, 3), np.float32), np.array([-1])], 1, {}, "index -1"),
    ("OneHotEncoder", [np.array([7])], 1, {"cats_int64s": [1, 2], "zeros": 0}, "no known category"),
    ("OneHotEncoder", [np.array([7])], 1, {"cats_strings": ["a"]}, "categories are strings"),
    ("Imputer", [np.ones((2, 3), np.float32)], 1, {"imputed_value_floats": [1.0, 2.0]}, "expected 1 or 3"),
    ("Scaler", [np.ones((2, 3), np.float32)], 1, {"scale": [1.0, 2.0]}, "expected 1 or 3"),
    ("Normalizer", [np.ones((2, 3), np.float32)], 1, {"norm": "L3"}, "norm is 'L3'"),
    ("ZipMap", [np.ones((2, 3), np.float32)], 1, {"classlabels_int64s": [1, 2]}, "3 columns for 2"),
    ("FeatureVectorizer", [np.ones((2, 3), np.float32)], 1, {"inputdimensions": [1, 2]}, "for 1 inputs"),
    ("LabelEncoder", [np.array([1])], 1, {"keys_int64s": [1, 2], "values_floats": [1.0]}, "2 keys and 1 values"),
    ("LabelEncoder", [np.array([1])], 1, {"keys_floats": [1.0], "values_floats": [1.0]}, "type i64"),
])
def test_what_is_refused(op, inputs, outputs, attributes, message):
    with pytest.raises(kiln.Error, match=message):
        run_node(op, 2 if op == "LabelEncoder" else 1, inputs, outputs, domain=ML, **attributes)


def test_repeated_keys():
    x = np.array([1, 2, 3])
    attributes = {"keys_int64s": [1, 2, 1], "values_int64s": [5, 6, 7]}
    assert list(run_node("LabelEncoder", 2, [x], domain=ML, **attributes)[0]) == [5, 6, -1]
    assert list(run_node("LabelEncoder", 4, [x], domain=ML, **attributes)[0]) == [7, 6, -1]
    names, = run_node("LabelEncoder", 1, [x - 1], domain=ML, classes_strings=["a", "b"])
    assert list(names) == ["a", "b", "_Unused"]


def test_maps():
    x = np.array([[0.25, 0.5, 0.125], [1, 2, 3]], np.float32)
    maps, = run_node("ZipMap", 1, [x], domain=ML, classlabels_strings=["b", "a", "c"])
    assert maps == [{"a": 0.5, "b": 0.25, "c": 0.125}, {"a": 2, "b": 1, "c": 3}]
    assert list(maps[0]) == ["a", "b", "c"]

    def run_map(op, key, value, dictionary, **attributes):
        port = helper.make_value_info("x", helper.make_map_type_proto(key, helper.make_tensor_type_proto(value, [])))
        node = helper.make_node(op, ["x"], ["y"], domain=ML, **attributes)
        graph = helper.make_graph([node], "graph", [port], [helper.make_empty_tensor_value_info("y")])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid(ML, 1)], ir_version=8)
        return kiln.Session(model.SerializeToString()).run({"x": dictionary})["y"]

    string, number, real = TensorProto.STRING, TensorProto.INT64, TensorProto.FLOAT
    y = run_map("DictVectorizer", string, real, {"c": 4.0, "a": 8.0}, string_vocabulary=["a", "b", "c"])
    assert y.dtype == np.float32 and y.tolist() == [[8, 0, 4]]
    assert run_map("CastMap", number, real, {5: 1.5, 2: 2.5}, cast_to="TO_INT64").tolist() == [[2, 1]]
    sparse = run_map("CastMap", number, string, {2: "7", 0: "-1"}, map_form="SPARSE", max_map=4, cast_to="TO_FLOAT")
    assert sparse.tolist() == [[-1, 0, 7, 0]]
    with pytest.raises(kiln.Error, match="not a number"):
        run_map("CastMap", number, string, {2: "seven"})
