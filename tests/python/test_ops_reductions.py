"""Reductions and softmaxes where ONNX's own cases do not look: old versions, empty sets, integers, hostile axes."""
import kiln
import numpy as np
import pytest
from one_node import run_node

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4)


@pytest.mark.parametrize("opset", [1, 11, 13])
def test_axes_were_an_attribute(opset):
    (y,) = run_node("ReduceMean", opset, [X], axes=[0, 2], keepdims=0)
    np.testing.assert_allclose(y, X.mean(axis=(0, 2)), rtol=1e-6)


@pytest.mark.parametrize("axes", [None, np.zeros(0, np.int64)])
def test_no_axes_reduce_all_or_nothing(axes):
    (every,) = run_node("ReduceSumSquare", 18, [X, axes], keepdims=0)
    assert every.shape == () and every == (X * X).sum()
    (none,) = run_node("ReduceSumSquare", 18, [X, axes], noop_with_empty_axes=1)
    np.testing.assert_array_equal(none, X * X)


@pytest.mark.parametrize("axes", [[3], [-4], [0, 0], [0, -3], [2**62]])
def test_hostile_axes(axes):
    with pytest.raises(kiln.Error, match="ax[ei]s"):
        run_node("ReduceMax", 18, [X, np.array(axes, np.int64)])


@pytest.mark.parametrize(
    "op, value",
    [("Sum", 0), ("L1", 0), ("L2", 0), ("SumSquare", 0), ("Prod", 1), ("Max", -np.inf), ("Min", np.inf),
     ("LogSum", -np.inf), ("LogSumExp", -np.inf), ("Mean", np.nan)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_empty_sets(op, value, dtype):
    (y,) = run_node("Reduce" + op, 20, [np.zeros((2, 0, 3), dtype), np.array([1], np.int64)], keepdims=0)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, np.full((2, 3), value, dtype))


def test_empty_sets_of_integers_and_booleans():
    axes = np.array([0], np.int64)
    for dtype in (np.int8, np.uint8, np.int32, np.uint64):
        empty = np.zeros((0, 2), dtype)
        assert (run_node("ReduceMax", 20, [empty, axes])[0] == np.iinfo(dtype).min).all()
        assert (run_node("ReduceMin", 20, [empty, axes])[0] == np.iinfo(dtype).max).all()
    empty = np.zeros((0, 2), bool)
    assert not run_node("ReduceMax", 20, [empty, axes])[0].any()
    assert run_node("ReduceMin", 20, [empty, axes])[0].all()


def test_integers_wrap_and_means_truncate():
    for dtype in (np.int32, np.int64):
        big = np.array([np.iinfo(dtype).max, 1], dtype)
        assert run_node("ReduceSum", 13, [big], keepdims=0)[0] == np.iinfo(dtype).min
    assert run_node("ReduceL1", 18, [np.array([-(2**31)], np.int32)], keepdims=0)[0] == np.int32(-(2**31))
    assert run_node("ReduceMean", 18, [np.array([-7, 2], np.int64)], keepdims=0)[0] == -2
    assert run_node("ReduceMean", 18, [np.zeros(0, np.int64)], keepdims=0)[0] == 0


def test_nan_wins():
    x = np.array([1, np.nan, 3], np.float32)
    assert np.isnan(run_node("ReduceMax", 18, [x], keepdims=0)[0])
    assert np.isnan(run_node("ReduceMin", 18, [x], keepdims=0)[0])
    assert run_node("ArgMax", 13, [x], keepdims=0)[0] == 1
    assert run_node("ArgMin", 13, [x], keepdims=0)[0] == 1


def test_log_sum_exp_does_not_overflow():
    x = np.array([[1000, 1000], [-np.inf, -np.inf], [np.inf, 0]], np.float32)
    (y,) = run_node("ReduceLogSumExp", 18, [x, np.array([1], np.int64)], keepdims=0)
    np.testing.assert_allclose(y, [1000 + np.log(2), -np.inf, np.inf], rtol=1e-6)


def test_nothing_to_choose_from():
    with pytest.raises(kiln.Error, match="no elements"):
        run_node("ArgMax", 13, [np.zeros((2, 0), np.float32)], axis=1)
    assert run_node("ArgMax", 13, [np.zeros((0, 0), np.float32)], axis=1, keepdims=0)[0].shape == (0,)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax_once_flattened(axis):
    matrix = X.reshape(int(np.prod(X.shape[:axis])), -1)
    e = np.exp(matrix - matrix.max(axis=1, keepdims=True))
    (y,) = run_node("Softmax", 11, [X], axis=axis)
    np.testing.assert_allclose(y, (e / e.sum(axis=1, keepdims=True)).reshape(X.shape), rtol=1e-5)


def test_hostile_softmax_axis():
    for op in ("Softmax", "LogSoftmax", "Hardmax"):
        with pytest.raises(kiln.Error, match="axis 3"):
            run_node(op, 13, [X], axis=3)
        with pytest.raises(kiln.Error):
            run_node(op, 13, [np.float32(1).reshape(())])
