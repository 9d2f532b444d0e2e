"""Matrix products, convolutions and Einsum against plain numpy, where ONNX's cases leave something out."""
import itertools

import ml_dtypes
import numpy as np
import pytest

import kiln
from one_node import run_node

FLOAT = np.float32
REAL = [np.float16, np.float32, np.float64, ml_dtypes.bfloat16]
TOLERANCE = {np.float16: 1e-2, np.float32: 1e-4, np.float64: 1e-10, ml_dtypes.bfloat16: 6e-2}


def normal(*shape, dtype=FLOAT, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_near(y, expected, dtype):
    assert y.dtype == dtype and y.shape == expected.shape
    scale = np.abs(expected).max(initial=1e-30)
    np.testing.assert_allclose(y.astype(np.float64) / scale, expected / scale, rtol=0, atol=TOLERANCE[dtype])


def convolve(x, w, strides, dilations, pads, group):
    """The sum over a window, one output element at a time."""
    axes = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0)] + [(pads[i], pads[i + axes]) for i in range(axes)])
    reach = [(w.shape[i + 2] - 1) * dilations[i] + 1 for i in range(axes)]
    counts = [(x.shape[i + 2] - reach[i]) // strides[i] + 1 for i in range(axes)]
    y = np.zeros((x.shape[0], w.shape[0], *counts))
    per_group_in, per_group_out = w.shape[1], w.shape[0] // group
    for channel in range(w.shape[0]):
        first = channel // per_group_out * per_group_in
        for at in itertools.product(*map(range, counts)):
            window = tuple(slice(at[i] * strides[i], at[i] * strides[i] + reach[i], dilations[i]) for i in range(axes))
            patch = x[(slice(None), slice(first, first + per_group_in), *window)]
            y[(slice(None), channel, *at)] = (patch * w[channel]).reshape(len(x), -1).sum(1)
    return y


@pytest.mark.parametrize("dtype", REAL)
@pytest.mark.parametrize("extents, kernel", [((9,), (3,)), ((7, 6), (3, 2)), ((5, 4, 6), (2, 1, 3))])
def test_conv_of_any_rank(dtype, extents, kernel):
    axes = len(extents)
    x, w, bias = normal(2, 4, *extents, dtype=dtype), normal(6, 2, *kernel, dtype=dtype, seed=1), normal(6, dtype=dtype)
    strides, dilations, pads = [2, 1, 2][:axes], [1, 2, 1][:axes], [1, 0, 2, 2, 1, 0][: 2 * axes]
    [y] = run_node("Conv", 22, [x, w, bias], group=2, strides=strides, dilations=dilations, pads=pads)
    expected = convolve(x.astype(np.float64), w.astype(np.float64), strides, dilations, pads, 2)
    assert_near(y, expected + bias.astype(np.float64).reshape(6, *[1] * axes), dtype)


def test_conv_larger_than_the_blocks_of_the_product():
    x, w = normal(1, 40, 30, 31), normal(130, 40, 3, 3, seed=1)
    [y] = run_node("Conv", 22, [x, w], pads=[1, 1, 1, 1])
    assert_near(y, convolve(x.astype(np.float64), w.astype(np.float64), [1, 1], [1, 1], [1] * 4, 1), np.float32)


@pytest.mark.parametrize("dtype", REAL)
def test_conv_transpose_is_the_transpose_of_conv(dtype):
    """<conv(x), y> = <x, conv_transpose(y)> for all x and y."""
    w, y = normal(4, 3, 3, 2, dtype=dtype), normal(1, 8, 4, 5, dtype=dtype, seed=1)
    weights = np.concatenate([w, w[::-1]])
    attributes = dict(strides=[2, 1], dilations=[1, 2], pads=[1, 0, 2, 1], group=2)
    [back] = run_node("ConvTranspose", 22, [y, weights], **attributes)
    x = normal(*back.shape, seed=2).astype(np.float64)
    forth = convolve(x, weights.astype(np.float64), [2, 1], [1, 2], [1, 0, 2, 1], 2)
    left, right = (forth * y.astype(np.float64)).sum(), (x * back.astype(np.float64)).sum()
    assert abs(left - right) <= 10 * TOLERANCE[dtype] * max(1, abs(left))


def test_conv_transpose_refuses_pads_beside_auto_pad():
    with pytest.raises(kiln.Error, match="exclude"):
        run_node("ConvTranspose", 22, [normal(1, 1, 4), normal(1, 1, 2)], pads=[0, 0], auto_pad="SAME_UPPER")


@pytest.mark.parametrize("attributes", [{"group": 2}, {"strides": [0]}, {"pads": [-1, 0]}, {"kernel_shape": [3]},
                                        {"dilations": [2**62]}, {"auto_pad": "SOME"}, {"strides": [1, 1]}])
def test_conv_refuses(attributes):
    with pytest.raises(kiln.Error):
        run_node("Conv", 22, [normal(1, 3, 4), normal(2, 3, 2)], **attributes)


@pytest.mark.parametrize("dtype", REAL + [np.int32, np.int64, np.uint32, np.uint64])
@pytest.mark.parametrize("a, b", [
    ((3, 4), (4, 5)), ((4,), (2, 4, 5)), ((2, 3, 4), (4,)), ((4,), (4,)), ((2, 1, 3, 4), (5, 4, 2)),
    ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((2, 3, 300), (300, 7)),
])
def test_matmul(dtype, a, b):
    x, y = normal(*a) * 9, normal(*b, seed=1) * 9
    x, y = (np.abs(v).astype(dtype) if np.dtype(dtype).kind == "u" else v.astype(dtype) for v in (x, y))
    [product] = run_node("MatMul", 13, [x, y])
    if np.dtype(dtype).kind in "iu":
        np.testing.assert_array_equal(product, np.matmul(x, y))
    else:
        assert_near(product, np.asarray(np.matmul(x.astype(np.float64), y.astype(np.float64))), dtype)


def test_integer_matmul_wraps():
    x = np.array([[2**31 - 1, 2]], dtype=np.int32)
    [y] = run_node("MatMul", 9, [x, x.T.copy()])
    assert y[0, 0] == np.int32(5)


def test_old_gemm_adds_c_as_it_is_unless_told_to_broadcast():
    a, b, c = normal(2, 3), normal(3, 4), normal(4)
    [y] = run_node("Gemm", 6, [a, b, c], broadcast=1)
    np.testing.assert_allclose(y, a @ b + c, rtol=1e-5)
    with pytest.raises(kiln.Error):
        run_node("Gemm", 6, [a, b, c])


def test_integer_gemm_is_exact():
    a = np.array([[2**53 + 1]], dtype=np.int64)
    [y] = run_node("Gemm", 13, [a, np.array([[1]], dtype=np.int64), np.array([3], dtype=np.int64)])
    assert y[0, 0] == 2**53 + 4


def test_matmul_integer_with_a_zero_point_for_each_row_and_column():
    random = np.random.default_rng(0)
    a, b = random.integers(0, 256, (3, 4)).astype(np.uint8), random.integers(-128, 128, (4, 5)).astype(np.int8)
    rows, columns = np.array([1, 2, 3], np.uint8), np.array([-2, -1, 0, 1, 2], np.int8)
    [y] = run_node("MatMulInteger", 10, [a, b, rows, columns])
    np.testing.assert_array_equal(y, (a.astype(int) - rows[:, None]) @ (b.astype(int) - columns))


@pytest.mark.parametrize("dtype", [ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2])
def test_qlinear_matmul_of_float8(dtype):
    a, b = normal(3, 4).astype(dtype), normal(4, 5, seed=1).astype(dtype)
    one, zero = np.array(1, FLOAT), np.array(0).astype(dtype)
    [y] = run_node("QLinearMatMul", 21, [a, one, zero, b, one, zero, one, zero])
    expected = (a.astype(FLOAT) @ b.astype(FLOAT)).astype(dtype)
    np.testing.assert_allclose(y.astype(FLOAT), expected.astype(FLOAT), rtol=0.26)


@pytest.mark.parametrize("equation, shapes", [
    ("ij,jk", [(2, 3), (3, 4)]), ("ii->i", [(3, 3)]), ("ii", [(3, 3)]), ("i...->...", [(2, 3, 4)]),
    ("...ij,...jk", [(5, 2, 3), (1, 3, 4)]), ("ba,b->a", [(2, 3), (2,)]),
    ("ab , cd , be -> e c", [(2, 3), (4, 5), (3, 6)]), (",i->i", [(), (4,)]), ("Za,aZ", [(2, 3), (3, 2)]),
    ("aij,aij->a", [(2, 3, 4), (2, 1, 4)]), ("i,j->ji", [(0,), (3,)]), ("i,i->", [(0,), (0,)]),
])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64])
def test_einsum(equation, shapes, dtype):
    operands = [(normal(*shape, seed=i) * 3 if shape else np.float64(2.5)) for i, shape in enumerate(shapes)]
    operands = [np.asarray(operand).astype(dtype) for operand in operands]
    [y] = run_node("Einsum", 12, operands, equation=equation)
    np.testing.assert_allclose(y, np.einsum(equation.replace(" ", ""), *operands), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("equation", ["i.j", "ij->ii", "ij->k", "ijk", "ij,ij", "", "i...j..."])
def test_einsum_refuses(equation):
    with pytest.raises(kiln.Error):
        run_node("Einsum", 12, [normal(2, 2)], equation=equation)


def test_threads_do_not_change_a_sum():
    a, b, before = normal(70, 600), normal(600, 900, seed=1), kiln.threads()
    results = []
    for threads in (1, 2, 3):
        kiln.set_threads(threads)
        results.append(run_node("MatMul", 13, [a, b])[0])
    kiln.set_threads(before)
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])
