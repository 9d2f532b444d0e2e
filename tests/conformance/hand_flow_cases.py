"""Hand-made cases of control flow, sequences, optionals and gradients, for every version."""
from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from hand_cases import HAND_CASES, case, f32, i64, type_of
from restamp import VersionCase, ir_version_of

FLOAT, BOOL, INT64 = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64


def versions_of(op):
    return sorted(s.since_version for s in onnx.defs.get_all_schemas_with_history() if (s.domain, s.name) == ("", op))


def port(name, kind=FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, inputs, outputs):
    made = [helper.make_node(op, takes, gives) for op, takes, gives in nodes]
    return helper.make_graph(made, "body", inputs, outputs)


def declare_if():
    x = f32(1, 2)
    for truth, expected in ((True, f32(2, 4)), (False, f32(0, 0))):
        for version in versions_of("If"):
            then = graph([("Add", ["x", "x"], ["sum"])], [], [port("sum", shape=[2])])
            other = graph([("Sub", ["x", "x"], ["rest"])], [], [port("rest", shape=[2])])
            node = helper.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)
            inputs = [port("c", BOOL, [] if version > 1 else [1]), port("x", shape=[2])]
            whole = helper.make_graph([node], "if", inputs, [port("y", shape=[2])])
            add("If", version, whole, [np.array(truth) if version > 1 else np.array([truth]), x], [expected])


def add(op, version, whole, inputs, outputs, domain="", imports=None):
    imports = imports or [helper.make_opsetid(domain, version)]
    model = helper.make_model(whole, opset_imports=imports)
    model.ir_version = max(ir_version_of(x.domain, x.version) for x in imports)
    HAND_CASES[domain, op, version].append(VersionCase(f"hand {op}-{version}", model, inputs, outputs))


def declare_loop():
    """Powers of two: x doubles each turn, which ends after `count` turns or once it has gone past `limit`."""
    for version in versions_of("Loop"):
        for count, limit, last in ((3, 100, 8), (10, 5, 8), (0, 5, 1)):
            compare = ("Less", ["x", "limit"], ["go"])
            body = graph([compare, ("Add", ["x", "x"], ["twice"]), ("Identity", ["x"], ["seen"])],
                         [port("i", INT64, []), port("c", BOOL, [1]), port("x", shape=[1])],
                         [port("go", BOOL, [1]), port("twice", shape=[1]), port("seen", shape=[1])])
            node = helper.make_node("Loop", ["count", "true", "start"], ["end", "all"], body=body)
            whole = helper.make_graph(
                [node], "loop", [port("count", INT64, [1]), port("true", BOOL, [1]), port("start", shape=[1]),
                                 port("limit", shape=[1])], [port("end", shape=[1]), port("all", shape=[None, 1])])
            seen = []
            x, going = 1, True
            while going and len(seen) < count:
                seen.append(x)
                going, x = x < limit, 2 * x
            expected = [f32([x]), f32(seen).reshape(-1, 1)]
            if count == 3:
                assert x == last and seen == [1, 2, 4]
            add("Loop", version, whole, [i64([count]), np.array([True]), f32([1]), f32([limit])], expected)


def scan_body():
    """A running sum, and beside it what came in."""
    return graph([("Add", ["sum", "x"], ["new"]), ("Identity", ["new"], ["seen"])],
                 [port("sum", shape=[2]), port("x", shape=[2])], [port("new", shape=[2]), port("seen", shape=[2])])


def declare_scan():
    x = f32([[1, 2], [3, 4], [5, 6]])
    running = f32([[1, 2], [4, 6], [9, 12]])
    # Version 8 has a batch axis, and sequence lengths that may be left out.
    for lengths, final, seen in ((None, running[2], running), (i64([2]), running[1], [*running[:2], [0, 0]])):
        node = helper.make_node("Scan", ["lengths" if lengths is not None else "", "start", "x"], ["end", "all"],
                                body=scan_body(), num_scan_inputs=1)
        inputs = [port("start", shape=[1, 2]), port("x", shape=[1, 3, 2])]
        values = [np.zeros((1, 2), np.float32), x[None]]
        if lengths is not None:
            inputs.insert(0, port("lengths", INT64, [1]))
            values.insert(0, lengths)
        whole = helper.make_graph([node], "scan", inputs, [port("end", shape=[1, 2]), port("all", shape=[1, 3, 2])])
        add("Scan", 8, whole, values, [f32([final]), f32([seen])])
    backwards = f32([[9, 12], [8, 10], [5, 6]])
    for version in versions_of("Scan")[1:]:
        for options, seen in (({}, running), ({"scan_input_directions": [1], "scan_output_directions": [1]}, backwards),
                              ({"scan_output_axes": [1]}, running.T)):
            node = helper.make_node("Scan", ["start", "x"], ["end", "all"], body=scan_body(), num_scan_inputs=1,
                                    **options)
            whole = helper.make_graph([node], "scan", [port("start", shape=[2]), port("x", shape=[3, 2])],
                                      [port("end", shape=[2]), port("all", shape=list(seen.shape))])
            add("Scan", version, whole, [np.zeros(2, np.float32), x], [f32(9, 12), seen])


def declare_sequences():
    a, b, c = f32(1, 2), f32(3), f32([[4]])
    case("SequenceConstruct", (11,), [a, b, c], [[a, b, c]])
    case("SequenceAt", (11,), [[a, b, c], i64(-2)], [b])
    case("SequenceErase", (11,), [[a, b, c], i64(1)], [[a, c]])
    case("SequenceErase", (11,), [[a, b, c]], [[a, b]])
    case("SequenceInsert", (11,), [[a, b], c, i64(-1)], [[a, c, b]])
    case("SequenceLength", (11,), [[a, b, c]], [i64(3)])
    case("SequenceEmpty", (11,), [], [[]], types=[helper.make_sequence_type_proto(
        helper.make_tensor_type_proto(INT64, None))], dtype=INT64)
    case("ConcatFromSequence", (11,), [[a, a]], [f32(1, 2, 1, 2)], axis=0)
    case("ConcatFromSequence", (11,), [[a, a]], [f32([[1, 1], [2, 2]])], axis=-1, new_axis=1)
    body = graph([("Add", ["each", "same"], ["sum"])], [port("each"), port("same")], [port("sum")])
    case("SequenceMap", (17,), [[a, f32([7])], f32([10])], [[f32(11, 12), f32([17])]], body=body)
    for value in (a, [a, b]):
        kind = type_of(value)
        case("Optional", (15, 28), [value], [value], types=[helper.make_optional_type_proto(kind)])
    absent = helper.make_tensor_type_proto(FLOAT, [2])
    case("Optional", (15, 28), [], [None], types=[helper.make_optional_type_proto(absent)], type=absent)


def declare_gradient():
    domain = "ai.onnx.preview.training"
    nodes = [helper.make_node("Mul", ["a", "b"], ["c"]),
             helper.make_node("Gradient", ["a", "b"], ["da", "db"], domain=domain, xs=["a", "b"], y="c")]
    whole = helper.make_graph(nodes, "gradient", [port("a", shape=[]), port("b", shape=[])],
                              [port(name, shape=[]) for name in ("c", "da", "db")])
    imports = [helper.make_opsetid("", 12), helper.make_opsetid(domain, 1)]
    add("Gradient", 1, whole, [f32(3), f32(5)], [f32(15), f32(5), f32(3)], domain, imports)


for _declare in (declare_if, declare_loop, declare_scan, declare_sequences, declare_gradient):
    _declare()
