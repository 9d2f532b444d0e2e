"""Elementwise, cast, quantization, random and constant operators: what ONNX's own cases leave out."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import kiln


def run(op, version, inputs, outputs=1, **attributes):
    inputs = [None if x is None else np.asarray(x) for x in inputs]
    names = ["" if x is None else f"in{i}" for i, x in enumerate(inputs)]
    node = helper.make_node(op, names, [f"out{i}" for i in range(outputs)], **attributes)
    infos = [
        helper.make_tensor_value_info(
            name, TensorProto.STRING if x.dtype == object else helper.np_dtype_to_tensor_dtype(x.dtype), list(x.shape)
        )
        for name, x in zip(names, inputs)
        if name
    ]
    graph = helper.make_graph([node], "g", infos, [onnx.ValueInfoProto(name=f"out{i}") for i in range(outputs)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=13)
    results = kiln.Session(model.SerializeToString()).run({n: x for n, x in zip(names, inputs) if n})
    results = list(results.values()) if isinstance(results, dict) else results
    return results[0] if outputs == 1 else results


A = np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5)


@pytest.mark.parametrize("version", [1, 6])
@pytest.mark.parametrize(
    "shape, attributes, seen",
    [
        ((3, 4), {"axis": 1}, (3, 4, 1)),
        ((2,), {"axis": 0}, (2, 1, 1, 1)),
        ((4, 5), {}, (4, 5)),
        ((1, 1), {}, ()),
        ((3,), {"axis": -3}, (3, 1, 1)),
        ((1, 3, 1), {"axis": 0}, (1, 3, 1, 1)),
    ],
)
def test_old_broadcasting(version, shape, attributes, seen):
    b = np.arange(1, 1 + np.prod(shape), dtype=np.float32).reshape(shape)
    result = run("Sub", version, [A, b], broadcast=1, **attributes)
    np.testing.assert_array_equal(result, A - b.reshape(seen))


@pytest.mark.parametrize(
    "shape, attributes", [((4, 5), {}), ((3, 5), {"broadcast": 1}), ((5,), {"broadcast": 1, "axis": 9})]
)
def test_old_broadcasting_refuses(shape, attributes):
    with pytest.raises(kiln.Error):
        run("Add", 6, [A, np.zeros(shape, np.float32)], **attributes)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64])
def test_integer_edges(dtype):
    info = np.iinfo(dtype)
    a = np.array([info.min, info.max, 7, 0], dtype)
    minus_one = np.array(-1 if info.min < 0 else info.max, dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(run("Add", 14, [a, a]), a + a)
        np.testing.assert_array_equal(run("Mul", 14, [a, a]), a * a)
        np.testing.assert_array_equal(run("Div", 14, [a, np.array(0, dtype)]), np.zeros(4, dtype))
        np.testing.assert_array_equal(run("Div", 14, [a, minus_one]), a // minus_one)
        for fmod, reference in ((0, np.mod), (1, np.fmod)):
            np.testing.assert_array_equal(run("Mod", 13, [a, np.array(0, dtype)], fmod=fmod), np.zeros(4, dtype))
            np.testing.assert_array_equal(run("Mod", 13, [a, minus_one], fmod=fmod), reference(a, minus_one))


def test_division_cuts_towards_zero():
    np.testing.assert_array_equal(run("Div", 14, [np.array([-7, 7, -7]), np.array([2, -2, -2])]), [-3, -3, 3])


def test_floats_to_integers_out_of_range():
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 3e9], np.float32)
    low = np.iinfo(np.int64).min
    assert run("Cast", 13, [x], to=TensorProto.INT64).tolist() == [low] * 5 + [3_000_000_000]
    assert run("Cast", 13, [x], to=TensorProto.INT32).tolist() == [np.iinfo(np.int32).min] * 6
    assert run("Cast", 13, [np.array([np.nan, 0, 0.1])], to=TensorProto.BOOL).tolist() == [True, False, True]


def test_cast_to_text():
    x = np.array([0.47892547, 1, 1e-5, 1e17, np.nan, -np.inf, -0.0, 16777216], np.float32)
    expected = ["0.47892547", "1.0", "1e-05", "1e+17", "nan", "-inf", "-0.0", "16777216.0"]
    assert run("Cast", 13, [x], to=TensorProto.STRING).tolist() == expected
    assert run("Cast", 13, [np.array([0.1, 65504], np.float16)], to=TensorProto.STRING).tolist() == ["0.1", "65500.0"]
    assert run("Cast", 13, [np.array([2**64 - 1], np.uint64)], to=TensorProto.STRING).tolist() == [str(2**64 - 1)]
    assert run("Cast", 13, [np.array([True, False])], to=TensorProto.STRING).tolist() == ["True", "False"]


def test_cast_from_text():
    texts = np.array([" 3.5 ", "1e5", "+INF", "-inf", "NaN", "1e400", "-1e-400", ".5"], object)
    result = run("Cast", 13, [texts], to=TensorProto.FLOAT)
    np.testing.assert_array_equal(result, np.array([3.5, 1e5, np.inf, -np.inf, np.nan, np.inf, -0.0, 0.5], np.float32))
    whole = np.array(["100.5", "-3", "9223372036854775807"], object)
    assert run("Cast", 13, [whole], to=TensorProto.INT64).tolist() == [100, -3, 2**63 - 1]
    for text in ("Hello", "", "1x", "--1", "0x10"):
        with pytest.raises(kiln.Error, match="is not a number"):
            run("Cast", 13, [np.array([text], object)], to=TensorProto.FLOAT)


def test_cast_1_names_the_type():
    assert run("Cast", 1, [np.array([1.5, 2.5])], to="INT32").tolist() == [1, 2]
    with pytest.raises(kiln.Error):
        run("Cast", 1, [np.array([1.5])], to="FLOATY")


def test_dropout_matches_numpy():
    x = np.linspace(1, 2, 60, dtype=np.float32).reshape(3, 20)
    y, mask = run("Dropout", 13, [x, np.float32(0.25), np.bool_(True)], outputs=2, seed=7)
    expected = np.random.RandomState(7).uniform(0, 1, x.shape) >= 0.25
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_allclose(y, expected * x / 0.75, rtol=1e-6)


@pytest.mark.parametrize(
    "version, attributes, kept", [(6, {"is_test": 1}, True), (6, {}, False), (7, {}, True), (10, {}, True)]
)
def test_dropout_of_old_versions(version, attributes, kept):
    x = np.ones((40, 50), np.float32)
    y, mask = run("Dropout", version, [x], outputs=2, ratio=0.5, **attributes)
    assert mask.dtype == (np.bool_ if version >= 10 else np.float32)
    if kept:
        assert (y == x).all() and mask.all()
    else:
        np.testing.assert_array_equal(y, mask * 2)
        assert abs(mask.mean() - 0.5) < 0.06


def test_random_distributions():
    normal = run("RandomNormal", 22, [], shape=[200, 100], mean=2.0, scale=3.0, seed=1.5)
    assert abs(normal.mean() - 2) < 0.1 and abs(normal.std() - 3) < 0.1
    uniform = run("RandomUniform", 22, [], shape=[200, 100], low=-1.0, high=1.0, seed=1.5, dtype=TensorProto.FLOAT16)
    assert uniform.dtype == np.float16 and uniform.min() >= -1 and uniform.max() < 1 and abs(uniform.mean()) < 0.03
    np.testing.assert_array_equal(normal, run("RandomNormal", 22, [], shape=[200, 100], mean=2.0, scale=3.0, seed=1.5))
    like = run("RandomUniformLike", 22, [np.zeros((3, 4), np.int32)], dtype=TensorProto.DOUBLE)
    assert like.shape == (3, 4) and like.dtype == np.float64
    drawn = run("Bernoulli", 22, [np.full(20000, 0.3, np.float32)], seed=3.0, dtype=TensorProto.INT32)
    assert drawn.dtype == np.int32 and abs(drawn.mean() - 0.3) < 0.02
    logs = np.array([[0, np.log(2), np.log(5)], [0, -np.inf, -np.inf]], np.float32)
    samples = run("Multinomial", 22, [logs], sample_size=20000, seed=3.0, dtype=TensorProto.INT64)
    np.testing.assert_allclose(np.bincount(samples[0], minlength=3) / 20000, [0.125, 0.25, 0.625], atol=0.02)
    assert (samples[1] == 0).all()


def test_constant_forms():
    values = helper.make_tensor("values", TensorProto.FLOAT, [2], [3.0, 4.0])

    def sparse(shape, indices):
        return helper.make_sparse_tensor(values, helper.make_tensor("i", TensorProto.INT64, shape, indices), [2, 3])

    for value in (sparse([2], [1, 5]), sparse([2, 2], [0, 1, 1, 2])):
        assert run("Constant", 13, [], sparse_value=value).tolist() == [[0, 3, 0], [0, 0, 4]]
    assert run("Constant", 13, [], value_int=5).tolist() == 5
    assert run("Constant", 13, [], value_ints=[5, 6]).tolist() == [5, 6]
    assert run("Constant", 13, [], value_floats=[0.5]).tolist() == [0.5]
    assert run("Constant", 13, [], value_string="a").tolist() == "a"
    assert run("Constant", 13, [], value_strings=["a", "b"]).tolist() == ["a", "b"]
    with pytest.raises(kiln.Error):
        run("Constant", 13, [], sparse_value=sparse([2], [1, 6]))


def test_range():
    assert run("Range", 11, [np.int64(10), np.int64(3), np.int64(-3)]).tolist() == [10, 7, 4]
    assert run("Range", 11, [np.int16(0), np.int16(0), np.int16(1)]).tolist() == []
    np.testing.assert_allclose(run("Range", 11, [np.float32(0), np.float32(1), np.float32(0.3)]), [0, 0.3, 0.6, 0.9])
    long = run("Range", 27, [np.float16(0), np.float16(4000), np.float16(1)])
    np.testing.assert_array_equal(long, np.arange(4000).astype(np.float16))


def test_clip_where_min_is_above_max():
    assert run("Clip", 13, [np.array([1.0, 5.0, np.nan]), np.float64(4), np.float64(2)]).tolist()[:2] == [2, 2]


F32 = np.zeros((3, 4), np.float32)


@pytest.mark.parametrize(
    "op, inputs, attributes",
    [
        ("Cast", [F32], {"to": 99}),
        ("Cast", [F32], {"to": 14}),
        ("Cast", [F32], {"to": 24, "round_mode": "sideways"}),
        ("BitCast", [F32], {"to": 7}),
        ("BitShift", [np.zeros(2, np.uint8)] * 2, {"direction": "UP"}),
        ("Range", [np.int64(0), np.int64(5), np.int64(0)], {}),
        ("Range", [np.float32(0), np.float32(np.inf), np.float32(1)], {}),
        ("Range", [np.int64(-(2**63)), np.int64(2**63 - 1), np.int64(1)], {}),
        ("ConstantOfShape", [np.array([-1])], {}),
        ("ConstantOfShape", [np.array([2**40, 2**40])], {}),
        ("HannWindow", [np.int64(-3)], {}),
        ("EyeLike", [np.zeros(3)], {}),
        ("Add", [F32, np.zeros(3, np.float32)], {}),
        ("Gelu", [F32], {"approximate": "roughly"}),
        ("Multinomial", [np.zeros(3, np.float32)], {}),
        ("RandomUniform", [], {"shape": [-1]}),
        ("RandomUniformLike", [np.zeros(3, np.int32)], {}),
        ("Constant", [], {}),
        ("Constant", [], {"value_int": 1, "value_float": 1.0}),
        ("Dropout", [F32, np.float32(1.5), np.bool_(True)], {}),
        ("QuantizeLinear", [F32, np.zeros(3, np.float32)], {}),
        ("QuantizeLinear", [F32, np.zeros((3, 3), np.float32)], {"block_size": 2}),
        ("QuantizeLinear", [F32, np.zeros(3, np.float32)], {"axis": 5}),
        ("DequantizeLinear", [np.zeros((3, 4), np.int8), np.zeros((3, 2), np.float32)], {"block_size": -2}),
        ("SwiGLU", [F32, np.zeros((3, 1), np.float32)], {}),
        ("PRelu", [F32, np.zeros((5, 3, 4), np.float32)], {}),
        ("Where", [np.ones(2, bool), np.zeros(3), np.zeros(3)], {}),
    ],
)
def test_refusals(op, inputs, attributes):
    with pytest.raises(kiln.Error):
        run(op, 26 if op != "SwiGLU" else 28, inputs, **attributes)
