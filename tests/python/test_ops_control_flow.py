"""Scan along every axis and direction, in versions 8 and 9, against numpy; loops and sequence maps of no turns."""

import itertools

import kiln
import numpy as np
import pytest
from one_node import run_node
from onnx import TensorProto, helper

RNG = np.random.default_rng(7)


def body(types=True):
    """s += x, and x * s for each turn."""

    def port(name):
        return (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
            if types
            else helper.make_empty_tensor_value_info(name)
        )

    nodes = [helper.make_node("Add", ["s", "x"], ["t"]), helper.make_node("Mul", ["x", "t"], ["y"])]
    return helper.make_graph(nodes, "body", [port("s"), port("x")], [port("t"), port("y")])


def scan(state, rows):
    outputs = []
    for row in rows:
        state = state + row
        outputs.append(row * state)
    return state, outputs


@pytest.mark.parametrize("version", [9, 11, 16, 25])
@pytest.mark.parametrize("axis,out_axis", list(itertools.product([0, 1, -1], repeat=2)))
@pytest.mark.parametrize("reverse,out_reverse", list(itertools.product([0, 1], repeat=2)))
def test_scan(version, axis, out_axis, reverse, out_reverse):
    x = RNG.normal(size=(3, 4, 5)).astype(np.float32)
    rows = np.moveaxis(x, axis, 0)
    state = RNG.normal(size=rows.shape[1:]).astype(np.float32)
    last, outputs = scan(state, rows[::-1] if reverse else rows)
    expected = np.stack(outputs[::-1] if out_reverse else outputs, axis=out_axis)
    got = run_node(
        "Scan",
        version,
        [state, x],
        2,
        body=body(),
        num_scan_inputs=1,
        scan_input_axes=[axis],
        scan_output_axes=[out_axis],
        scan_input_directions=[reverse],
        scan_output_directions=[out_reverse],
    )
    np.testing.assert_allclose(got[0], last, rtol=1e-5)
    np.testing.assert_allclose(got[1], expected, rtol=1e-5)


@pytest.mark.parametrize("lengths", [None, [2, 4, 0]])
@pytest.mark.parametrize("reverse", [0, 1])
def test_scan_with_a_batch(lengths, reverse):
    x = RNG.normal(size=(3, 4, 2)).astype(np.float32)
    state = RNG.normal(size=(3, 2)).astype(np.float32)
    given = None if lengths is None else np.array(lengths, np.int64)
    last, outputs = run_node("Scan", 8, [given, state, x], 2, body=body(), num_scan_inputs=1, directions=[reverse])
    for i, length in enumerate(lengths or [4, 4, 4]):
        rows = x[i, :length]
        expected, each = scan(state[i], rows[::-1] if reverse else rows)
        np.testing.assert_allclose(last[i], expected, rtol=1e-5)
        np.testing.assert_allclose(outputs[i, :length], np.array(each).reshape(length, 2), rtol=1e-5)
        assert not outputs[i, length:].any()


@pytest.mark.parametrize("types", [True, False])
def test_scan_of_nothing(types):
    state = np.ones((2, 3), np.float32)
    last, outputs = run_node(
        "Scan",
        11,
        [state, np.ones((2, 3, 0), np.float32)],
        2,
        body=body(types),
        num_scan_inputs=1,
        scan_input_axes=[2],
        scan_output_axes=[1],
    )
    np.testing.assert_array_equal(last, state)
    assert outputs.shape == (2, 0, 3) and outputs.dtype == np.float32
    last, outputs = run_node(
        "Scan",
        8,
        [None, np.ones((0, 3), np.float32), np.ones((0, 4, 3), np.float32)],
        2,
        body=body(types),
        num_scan_inputs=1,
    )
    assert last.shape == (0, 3) and outputs.shape == (0, 4, 3)


@pytest.mark.parametrize(
    "change,message",
    [
        ({"scan_input_axes": [3]}, "out of range"),
        ({"scan_output_axes": [-4]}, "out of range"),
        ({"scan_input_axes": [0, 1]}, "axes for 1"),
        ({"scan_input_directions": [2]}, "0 or 1"),
        ({"num_scan_inputs": 0}, "num_scan_inputs is 0"),
        ({"num_scan_inputs": 3}, "num_scan_inputs is 3"),
    ],
)
def test_what_scan_refuses(change, message):
    x = np.ones((3, 4, 5), np.float32)
    with pytest.raises(kiln.Error, match=message):
        run_node("Scan", 11, [x[0], x], 2, body=body(), **{"num_scan_inputs": 1, **change})


def test_scan_states_keep_their_shape():
    growing = helper.make_graph(
        [helper.make_node("Concat", ["s", "x"], ["t"], axis=0)],
        "body",
        [helper.make_empty_tensor_value_info(name) for name in "sx"],
        [helper.make_empty_tensor_value_info("t")],
    )
    with pytest.raises(kiln.Error, match=r"must keep its type and shape, but f32 \[2\] became f32 \[4\]"):
        run_node(
            "Scan", 11, [np.ones(2, np.float32), np.ones((3, 2), np.float32)], 1, body=growing, num_scan_inputs=1
        )


@pytest.mark.parametrize("version", [1, 11, 13, 16, 25])
def test_loop_without_condition_ignores_that_of_the_body(version):
    nodes = [
        helper.make_node("Constant", [], ["stop"], value=helper.make_tensor("stop", TensorProto.BOOL, [], [False])),
        helper.make_node("Add", ["v", "v"], ["w"]),
    ]
    doubling = helper.make_graph(
        nodes,
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("stop", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", TensorProto.FLOAT, None),
        ],
    )
    inputs = [np.array(3, np.int64), None, np.array([1.0], np.float32)]
    assert run_node("Loop", version, inputs, 1, body=doubling)[0] == [8]
    inputs[1] = np.array(True)
    assert run_node("Loop", version, inputs, 1, body=doubling)[0] == [2]


def test_sequence_map_of_nothing():
    double = helper.make_graph(
        [helper.make_node("Cast", ["e"], ["r"], to=TensorProto.INT64)],
        "body",
        [helper.make_tensor_value_info("e", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("r", TensorProto.INT64, None)],
    )
    nodes = [
        helper.make_node("SequenceEmpty", [], ["none"], dtype=TensorProto.FLOAT),
        helper.make_node("SequenceMap", ["none"], ["mapped"], body=double),
        helper.make_node("SequenceInsert", ["mapped", "x"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.INT64, [2])],
        [helper.make_empty_tensor_value_info("y")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    result = kiln.Session(model.SerializeToString()).run({"x": np.array([1, 2])})["y"]
    np.testing.assert_array_equal(result[0], [1, 2])
