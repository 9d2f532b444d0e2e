"""Operators that move, pick and order elements: old versions, edges and hostile indices that ONNX's cases leave out."""
import numpy as np
import pytest

import kiln
from one_node import run_node

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
FLOAT = np.float32


def ints(*numbers, dtype=np.int64):
    return np.array(numbers, dtype=dtype)


def strings(*texts):
    return np.array(texts, dtype=object)


def test_old_reshape_takes_its_shape_from_an_attribute():
    [y] = run_node("Reshape", 1, [X], shape=[0, -1, 2])
    np.testing.assert_array_equal(y, X.reshape(2, 6, 2))


def test_reshape_keeps_zeros_when_asked():
    [y] = run_node("Reshape", 14, [np.zeros((0, 3), FLOAT), ints(3, 0)], allowzero=1)
    assert y.shape == (3, 0)


@pytest.mark.parametrize("target", [(-1, -1), (5, -1), (-2,), (2, 3), (0, 0, 0, 0), (0, 0, 4, 7)])
def test_reshape_refuses(target):
    with pytest.raises(kiln.Error):
        run_node("Reshape", 21, [X, ints(*target)])


def test_old_tile_repeats_one_axis():
    [y] = run_node("Tile", 1, [X, np.array(3, FLOAT), np.array(1, FLOAT)])
    np.testing.assert_array_equal(y, np.tile(X, (1, 3, 1)))


def test_old_concat_has_axis_1_by_default():
    [y] = run_node("Concat", 1, [X, X])
    np.testing.assert_array_equal(y, np.concatenate([X, X], 1))


def test_old_split_takes_lengths_as_a_tensor_of_the_data():
    y, z = run_node("Split", 1, [X, np.array([1, 2], FLOAT)], outputs=2, axis=1)
    np.testing.assert_array_equal(y, X[:, :1])
    np.testing.assert_array_equal(z, X[:, 1:])


@pytest.mark.parametrize("extent, parts, lengths", [(7, 4, [2, 2, 2, 1]), (5, 4, [2, 2, 1, 0]), (1, 3, [1, 0, 0])])
def test_uneven_split(extent, parts, lengths):
    x = np.arange(extent, dtype=FLOAT)
    results = run_node("Split", 18, [x], outputs=parts, num_outputs=parts)
    assert [len(y) for y in results] == lengths
    np.testing.assert_array_equal(np.concatenate(results), x)


def test_split_into_unequal_parts_was_refused_before_version_18():
    with pytest.raises(kiln.Error, match="equal parts"):
        run_node("Split", 13, [X], outputs=2, axis=1)


@pytest.mark.parametrize("limit", [2**31 - 1, 2**63 - 1])
def test_slice_to_the_very_end_and_back(limit):
    [y] = run_node("Slice", 13, [X, ints(1, -1), ints(limit, -limit), ints(1, 2), ints(1, -1)])
    np.testing.assert_array_equal(y, X[:, 1:, ::-1])
    [y] = run_node("Slice", 13, [X, ints(0), ints(limit), ints(2), ints(limit)])
    np.testing.assert_array_equal(y, X[:, :, :1])


def test_slice_of_strings_and_of_nothing():
    [y] = run_node("Slice", 10, [strings("a", "b", "c"), ints(2), ints(-4), ints(0), ints(-2)])
    assert y.tolist() == ["c", "a"]
    [y] = run_node("Slice", 13, [np.zeros((0, 2), FLOAT), ints(3), ints(-5), ints(0), ints(-1)])
    assert y.shape == (0, 2)


@pytest.mark.parametrize("op, version, inputs, attributes", [
    ("Gather", 13, [X, ints(2)], {}),
    ("Gather", 13, [X, ints(-3)], {}),
    ("Gather", 13, [X, ints(2**62)], {"axis": 1}),
    ("GatherElements", 13, [X, np.full((2, 3, 4), 9)], {}),
    ("GatherElements", 13, [X, np.zeros((2, 4, 4), np.int64)], {"axis": 0}),
    ("GatherND", 13, [X, ints(0, 3)], {}),
    ("GatherND", 13, [X, ints(0, 0, 0, 0)], {}),
    ("GatherND", 13, [X, np.zeros((2, 1), np.int64)], {"batch_dims": -1}),
    ("ScatterElements", 18, [X, np.full((1, 1, 1), 4), np.ones((1, 1, 1), FLOAT)], {"axis": 2}),
    ("ScatterElements", 18, [X, np.zeros((2, 3, 5), np.int64), np.ones((2, 3, 5), FLOAT)], {"axis": 1}),
    ("ScatterND", 18, [X, ints(-3), np.ones((3, 4), FLOAT)], {}),
    ("ScatterND", 18, [X, ints(0), np.ones((4,), FLOAT)], {}),
    ("TensorScatter", 24, [X, X[:, :2], ints(0, 2)], {"axis": 1}),
    ("TensorScatter", 24, [X, X[:, :2], ints(0, -1)], {"axis": 1}),
    ("Compress", 11, [X, np.array([False, False, True])], {"axis": 0}),
    ("ReverseSequence", 10, [X, ints(1, 3, 1)], {}),
    ("TopK", 11, [X, ints(5)], {}),
    ("TopK", 11, [X, ints(-1)], {}),
    ("CumSum", 14, [X, np.array(3)], {}),
    ("Pad", 18, [X, ints(0, 0, -3, 0, 0, -2)], {}),
    ("Pad", 18, [X, ints(2**62, 2**62), None, ints(0)], {}),
    ("Pad", 18, [np.zeros((0,), FLOAT), ints(1, 0)], {"mode": "edge"}),
    ("Expand", 13, [X, ints(2, 3, 3)], {}),
    ("Tile", 13, [X, ints(1, 1, -1)], {}),
    ("Tile", 13, [X, ints(2**40, 2**40, 1)], {}),
    ("OneHot", 11, [ints(1), np.array(-1), np.zeros(2, FLOAT)], {}),
    ("DepthToSpace", 13, [np.zeros((1, 3, 2, 2), FLOAT)], {"blocksize": 2}),
])
def test_refuses(op, version, inputs, attributes):
    with pytest.raises(kiln.Error):
        run_node(op, version, inputs, outputs=2 if op == "TopK" else 1, **attributes)


@pytest.mark.parametrize("reduction, expected", [("add", 4), ("mul", 4), ("max", 2), ("min", 1)])
@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.float16, np.float64, np.int64])
def test_scatter_reductions_meet_an_index_more_than_once(reduction, expected, dtype):
    data, updates = np.array([1, 1], dtype), np.array([2, 1], dtype)
    if reduction == "mul":
        updates = np.array([2, 2], dtype)
    [y] = run_node("ScatterElements", 18, [data, ints(1, -1), updates], reduction=reduction)
    assert y.tolist() == [1, expected] and y.dtype == dtype


def test_scatter_adds_in_16_bits_without_overflowing_an_int():
    data = np.array([65535], np.uint16)
    [y] = run_node("ScatterND", 18, [data, ints(0).reshape(1, 1), data], reduction="mul")
    assert y.tolist() == [1]


def test_scatter_keeps_nan():
    data = np.array([np.nan, 1], FLOAT)
    [y] = run_node("ScatterND", 18, [data, ints(0, 1).reshape(2, 1), np.array([1, np.nan], FLOAT)], reduction="max")
    assert np.isnan(y).all()


@pytest.mark.parametrize("version, name", [(1, "paddings"), (2, "pads")])
@pytest.mark.parametrize("mode", ["constant", "reflect", "edge"])
def test_old_pads(version, name, mode):
    x = X[0]
    [y] = run_node("Pad", version, [x], mode=mode, value=1.5, **{name: [1, 0, 2, 3]})
    extra = {"constant_values": 1.5} if mode == "constant" else {}
    np.testing.assert_array_equal(y, np.pad(x, [(1, 2), (0, 3)], mode=mode, **extra))


def test_pads_far_beyond_the_data():
    x = np.array([1, 2, 3], FLOAT)
    for mode in ["reflect", "edge", "wrap"]:
        [y] = run_node("Pad", 21, [x, ints(7, 8)], mode=mode)
        np.testing.assert_array_equal(y, np.pad(x, (7, 8), mode=mode))


def test_one_hot_learned_to_count_from_the_end():
    inputs = [ints(-1, 3), np.array(3), np.array([0, 1], FLOAT)]
    [old], [new] = run_node("OneHot", 9, inputs), run_node("OneHot", 11, inputs)
    assert old.tolist() == [[0, 0, 0], [0, 0, 0]]
    assert new.tolist() == [[0, 0, 1], [0, 0, 0]]


def test_top_k_of_nan_and_of_equals():
    x = np.array([1, np.nan, 3, 3], FLOAT)
    values, places = run_node("TopK", 11, [x, ints(3)], outputs=2)
    np.testing.assert_array_equal(values, np.array([np.nan, 3, 3], FLOAT))
    assert places.tolist() == [1, 2, 3]
    _, places = run_node("TopK", 11, [x, ints(2)], outputs=2, largest=0)
    assert places.tolist() == [0, 2]
    _, places = run_node("TopK", 1, [x[2:]], outputs=2, k=1)
    assert places.tolist() == [0]


@pytest.mark.parametrize("x", [
    np.array([True, False, True]), strings("b", "a", "b"), np.array([2 + 1j, 1 - 1j, 2 + 1j], np.complex64),
    np.array([np.nan, 1, np.nan], np.float64)])
def test_unique_of_every_kind(x):
    y, first, inverse, counts = run_node("Unique", 11, [x], outputs=4)
    assert len(y) == 2 and sorted(counts.tolist()) == [1, 2]
    np.testing.assert_array_equal(y[inverse], x)
    np.testing.assert_array_equal(x[first], y)
    y, first, inverse, counts = run_node("Unique", 11, [x], outputs=4, sorted=0)
    assert first.tolist() == [0, 1] and inverse.tolist() == [0, 1, 0]


def test_unique_slices_in_the_order_of_appearance():
    x = np.array([[3, 1, 3], [4, 1, 4]], np.int32)
    y, first, inverse, counts = run_node("Unique", 11, [x], outputs=4, axis=1, sorted=0)
    assert y.tolist() == [[3, 1], [4, 1]]
    assert (first.tolist(), inverse.tolist(), counts.tolist()) == ([0, 1], [0, 1, 0], [2, 1])


def test_non_zero_of_a_scalar_has_no_rows():
    assert run_node("NonZero", 13, [np.array(5)])[0].shape == (0, 1)
    assert run_node("NonZero", 13, [np.array(0)])[0].shape == (0, 0)


@pytest.mark.parametrize("k", [-2**63, -3, 0, 2, 2**63 - 1])
@pytest.mark.parametrize("upper", [0, 1])
def test_trilu_far_from_the_diagonal(k, upper):
    [y] = run_node("Trilu", 14, [X, np.array(k)], upper=upper)
    near = max(-9, min(9, k))
    np.testing.assert_array_equal(y, np.triu(X, near) if upper else np.tril(X, near))


def test_cumulative_integers_wrap():
    x = np.array([2**31 - 1, 1], np.int32)
    assert run_node("CumSum", 14, [x, np.array(0)])[0].tolist() == [2**31 - 1, -2**31]
    x = np.array([2**32, 2**32], np.int64)
    assert run_node("CumProd", 26, [x, np.array(0)])[0].tolist() == [2**32, 0]


def test_nothing_stays_nothing():
    empty = np.zeros((0, 3), FLOAT)
    for op, version, inputs, shape in [
            ("Transpose", 21, [empty], (3, 0)), ("CumSum", 14, [empty, np.array(0)], (0, 3)),
            ("Compress", 11, [empty, np.zeros(0, bool)], (0,)), ("NonZero", 13, [empty], (2, 0)),
            ("Gather", 13, [empty, np.zeros((2, 0), np.int64)], (2, 0, 3)),
            ("Expand", 13, [empty, ints(2, 1, 1)], (2, 0, 3)),
            ("Concat", 13, [empty, empty], (0, 3)), ("Pad", 18, [empty, ints(1, 0, 0, 0)], (1, 3)),
            ("Trilu", 14, [empty], (0, 3)), ("CenterCropPad", 18, [empty, ints(2, 2)], (2, 2))]:
        attributes = {"axis": 0} if op == "Concat" else {}
        assert run_node(op, version, inputs, **attributes)[0].shape == shape, op
