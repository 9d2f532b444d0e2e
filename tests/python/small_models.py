"""Models small enough to write down."""
import numpy as np
import onnx
import onnx.numpy_helper
from onnx import TensorProto, helper

FLOAT = TensorProto.FLOAT
tensor = helper.make_tensor_value_info


def model(nodes, inputs, outputs, *, initializers=(), opsets=(("", 20),), **fields) -> bytes:
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializer=list(initializers))
    imports = [helper.make_opsetid(domain, version) for domain, version in opsets]
    return helper.make_model(graph, opset_imports=imports, ir_version=9, **fields).SerializeToString()


def add() -> bytes:
    x, y, z = (tensor(name, FLOAT, ["n", 3]) for name in "xyz")
    return model([helper.make_node("Add", ["x", "y"], ["z"])], [x, y], [z])


def identity(dtype, shape=("n",)) -> bytes:
    return model([helper.make_node("Identity", ["x"], ["y"])], [tensor("x", dtype, list(shape))],
                 [tensor("y", dtype, list(shape))], opsets=(("", 25),) if dtype > TensorProto.BFLOAT16 else (("", 20),))


def sequence() -> bytes:
    of_floats = helper.make_tensor_sequence_value_info
    return model([helper.make_node("SequenceLength", ["s"], ["n"]), helper.make_node("Identity", ["s"], ["t"])],
                 [of_floats("s", FLOAT, None)], [tensor("n", TensorProto.INT64, []), of_floats("t", FLOAT, None)])


def optional() -> bytes:
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(FLOAT, [2]))
    return model([helper.make_node("Identity", ["x"], ["y"])], [helper.make_value_info("x", kind)],
                 [helper.make_value_info("y", kind)])


def zipmap() -> bytes:
    kind = helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, []))
    node = helper.make_node("ZipMap", ["p"], ["z"], domain="ai.onnx.ml", classlabels_int64s=[4, 5, 6])
    return model([node], [tensor("p", FLOAT, ["n", 3])],
                 [helper.make_value_info("z", helper.make_sequence_type_proto(kind))],
                 opsets=(("", 20), ("ai.onnx.ml", 1)))


def with_default() -> bytes:
    """y = x + w, where w has a default."""
    return model([helper.make_node("Add", ["x", "w"], ["y"])], [tensor("x", FLOAT, [3]), tensor("w", FLOAT, [3])],
                 [tensor("y", FLOAT, [3])], initializers=[helper.make_tensor("w", FLOAT, [3], [1, 2, 3])])


def endless_loop() -> bytes:
    """A Loop that never ends by itself."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["again"]), helper.make_node("Add", ["v", "v"], ["w"])], "body",
        [tensor("i", TensorProto.INT64, []), tensor("go", TensorProto.BOOL, []), tensor("v", FLOAT, [])],
        [tensor("again", TensorProto.BOOL, []), tensor("w", FLOAT, [])])
    node = helper.make_node("Loop", ["", "go", "x"], ["y"], body=body)
    return model([node], [tensor("go", TensorProto.BOOL, []), tensor("x", FLOAT, [])], [tensor("y", FLOAT, [])])


def deep(steps=200, size=256) -> bytes:
    """A long chain of products: a run that takes a while."""
    weight = onnx.numpy_helper.from_array(np.eye(size, dtype=np.float32) * 0.999, "w")
    nodes = [helper.make_node("MatMul", [f"v{i}", "w"], [f"m{i}"]) for i in range(steps)]
    nodes += [helper.make_node("Sin", [f"m{i}"], [f"v{i + 1}"]) for i in range(steps)]
    nodes = [node for pair in zip(nodes[:steps], nodes[steps:]) for node in pair]
    return model(nodes, [tensor("v0", FLOAT, ["n", size])], [tensor(f"v{steps}", FLOAT, ["n", size])],
                 initializers=[weight])
