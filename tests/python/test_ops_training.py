"""Gradient against differences of nearby values, for every operator whose derivative is known."""
import kiln
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(5)
TRAINING = "ai.onnx.preview.training"


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def run(nodes, feeds, wanted, constants=None, opset=17):
    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
              for name, array in feeds.items()]
    outputs = [helper.make_empty_tensor_value_info(name) for name in wanted]
    tensors = [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
    imports = [helper.make_opsetid("", opset), helper.make_opsetid(TRAINING, 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return kiln.Session(model.SerializeToString()).run(feeds)


def gradient_node(xs, y="y", **more):
    return helper.make_node("Gradient", [*xs, *more.get("zs", [])], [f"d{x}" for x in xs], domain=TRAINING, xs=xs, y=y,
                            **more)


def differences(nodes, feeds, x, constants, opset, step=1e-5):
    slopes = np.zeros(feeds[x].shape)
    for place in np.ndindex(*slopes.shape):
        sums = []
        for sign in (1, -1):
            moved = feeds[x].copy()
            moved[place] += sign * step
            sums.append(run(nodes, {**feeds, x: moved}, ["y"], constants, opset)["y"].sum())
        slopes[place] = (sums[0] - sums[1]) / (2 * step)
    return slopes


def check(nodes, xs, constants=None, opset=17, **feeds):
    xs = xs.split()
    got = run([*nodes, gradient_node(xs)], feeds, [f"d{x}" for x in xs], constants, opset)
    for x in xs:
        expected = differences(nodes, feeds, x, constants, opset)
        np.testing.assert_allclose(got[f"d{x}"], expected, rtol=1e-4, atol=1e-6, err_msg=x)


def normal(*shape):
    return RNG.normal(size=shape)


def positive(*shape):
    return np.abs(RNG.normal(size=shape)) + 0.3


WEIGH = node("Mul", "t w", "y")
BEND = node("Sin", "u", "y")


@pytest.mark.parametrize("op", """Identity Neg Abs Exp Sin Cos Tan Atan Sinh Cosh Tanh Asinh Erf Sigmoid Softplus
                                  Softsign Relu LeakyRelu Elu ThresholdedRelu Floor Sign""".split())
def test_unary(op):
    check([node(op, "x", "t"), WEIGH], "x", opset=22, x=normal(3, 4), w=normal(3, 4))


@pytest.mark.parametrize("op", ["Log", "Sqrt", "Reciprocal", "Asin", "Acos", "Atanh"])
def test_unary_of_a_part(op):
    check([node(op, "x", "t"), WEIGH], "x", opset=22, x=RNG.uniform(0.1, 0.8, (3, 4)), w=normal(3, 4))


@pytest.mark.parametrize("op", ["Add", "Sub", "Mul", "Div", "Pow", "Sum", "Mean", "Max", "Min"])
def test_broadcast(op):
    check([node(op, "a b", "t"), WEIGH], "a b", a=positive(2, 3, 4), b=positive(3, 1), w=normal(2, 3, 4))


@pytest.mark.parametrize("a,b", [((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (3, 4)),
                                 ((2, 3), (3,)), ((3,), (3,)), ((3,), (2, 3, 4)), ((2, 4, 3), (3,))])
def test_matmul(a, b):
    check([node("MatMul", "a b", "u"), BEND], "a b", a=normal(*a), b=normal(*b))


@pytest.mark.parametrize("flip_a", [0, 1])
@pytest.mark.parametrize("flip_b", [0, 1])
def test_gemm(flip_a, flip_b):
    a, b = normal(2, 3), normal(3, 4)
    check([node("Gemm", "a b c", "u", transA=flip_a, transB=flip_b, alpha=0.5, beta=2.0), BEND], "a b c",
          a=a.T.copy() if flip_a else a, b=b.T.copy() if flip_b else b, c=normal(4))


@pytest.mark.parametrize("attributes", [
    {}, {"group": 2, "strides": [2, 1], "pads": [1, 0, 1, 2], "dilations": [1, 2]},
    {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, {"auto_pad": "SAME_LOWER"}])
def test_conv(attributes):
    weights = normal(4, 4 // attributes.get("group", 1), 3, 2)
    check([node("Conv", "x v b", "u", **attributes), BEND], "x v b", x=normal(1, 4, 4, 5), v=weights, b=normal(4))


@pytest.mark.parametrize("op", ["ReduceSum", "ReduceMean", "ReduceSumSquare", "ReduceMax", "ReduceMin"])
@pytest.mark.parametrize("axes", [None, [0], [-1, 0]])
@pytest.mark.parametrize("keep", [0, 1])
def test_reductions(op, axes, keep):
    square = node("Mul", "u u", "y")
    x = normal(2, 3, 4)
    attributes = {} if axes is None else {"axes": axes}
    check([node(op, "x", "u", keepdims=keep, **attributes), square], "x", opset=11, x=x)
    given = {} if axes is None else {"axes": np.array(axes)}
    check([node(op, "x axes" if given else "x", "u", keepdims=keep), square], "x", given, opset=20, x=x)


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("opset", [11, 13])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_softmax(op, opset, axis):
    check([node(op, "x", "t", axis=axis), WEIGH], "x", opset=opset, x=normal(2, 3, 4), w=normal(2, 3, 4))


def test_moves():
    check([node("Reshape", "x s", "t"), WEIGH], "x", {"s": np.array([3, 4])}, x=normal(2, 6), w=normal(3, 4))
    check([node("Transpose", "x", "t", perm=[1, 2, 0]), WEIGH], "x", x=normal(2, 3, 4), w=normal(3, 4, 2))
    check([node("Expand", "x s", "t"), WEIGH], "x", {"s": np.array([2, 3, 4])}, x=normal(3, 1), w=normal(2, 3, 4))
    check([node("Concat", "a b", "t", axis=-1), WEIGH], "a b", a=normal(2, 3), b=normal(2, 1), w=normal(2, 4))
    check([node("Split", "a s", "p q", axis=1), node("Sin", "p", "y")], "a", {"s": np.array([1, 3])}, a=normal(2, 4))
    check([node("Gather", "a i", "t", axis=1), WEIGH], "a", {"i": np.array([[0, 1], [-1, 1]])}, a=normal(2, 4),
          w=normal(2, 2, 2))
    check([node("Greater", "a b", "c"), node("Where", "c a b", "t"), WEIGH], "a b", a=normal(3, 4), b=normal(4),
          w=normal(3, 4))
    check([node("Clip", "x l h", "t"), WEIGH], "x", {"l": np.array(-0.5), "h": np.array(0.5)}, x=normal(9), w=normal(9))


def test_a_small_network():
    check([node("MatMul", "x w", "h"), node("Relu", "h", "r"), node("Gemm", "r v", "o"), node("LogSoftmax", "o", "l"),
           node("Mul", "l t", "m"), node("ReduceSum", "m", "s", keepdims=0), node("Neg", "s", "y")], "w v",
          x=normal(4, 3), w=normal(3, 5), v=normal(5, 2), t=positive(4, 2))


def test_gradient_at_other_values():
    """The node's inputs say where the gradient is taken, not the tensors that xs names."""
    nodes = [node("Mul", "x z", "y"),
             helper.make_node("Gradient", ["a", "b"], ["dx"], domain=TRAINING, xs=["x"], zs=["z"], y="y")]
    got = run(nodes, {name: np.array(value) for name, value in zip("xzab", [1.0, 2.0, 3.0, 5.0])}, ["dx"])
    assert got["dx"] == 5


def test_gradient_of_what_does_not_matter():
    nodes = [node("Sin", "x", "y"), node("Cos", "v", "q"), gradient_node(["x", "v"])]
    got = run(nodes, {"x": normal(2).astype(np.float32), "v": normal(3)}, ["dx", "dv"])
    assert got["dx"].dtype == np.float32 and not got["dv"].any()


@pytest.mark.parametrize("nodes,message", [
    ([node("Selu", "x", "y"), gradient_node(["x"])], "Selu, whose derivative is not known"),
    ([node("Sin", "x", "y"), gradient_node(["x"], "z")], "no tensor 'z'"),
    ([node("Shape", "x", "y"), gradient_node(["x"])], "cannot be differentiated"),
    ([node("Sin", "x", "y"), helper.make_node("Gradient", ["x"], ["dx"], domain=TRAINING, xs=["x", "x"], y="y")],
     "2 tensors"),
])
def test_what_has_no_gradient(nodes, message):
    with pytest.raises(kiln.Error, match=message):
        run(nodes, {"x": normal(3)}, ["dx"])


def test_weights_that_are_constants_have_gradients():
    """Nothing is computed ahead or dropped that a Gradient node stands on by name alone."""
    nodes = [node("Identity", "w", "v"), node("Mul", "v v", "y"), gradient_node(["v"]),
             node("Add", "dv x", "z")]
    got = run(nodes, {"x": np.array(1.0)}, ["z"], {"w": np.array(3.0)})
    assert got["z"] == 7
