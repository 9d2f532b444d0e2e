"""Networks of a few nodes that look at pictures of 16 x 16 pixels, whose answers are known."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def save(path, nodes, outputs, side=16, metadata=None, constants=()):
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs]
    graph = helper.make_graph(nodes, "network", [picture], results,
                              [numpy_helper.from_array(array, name) for name, array in constants])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    helper.set_model_props(model, metadata or {})
    onnx.save(model, path)
    return path


def mean_colours(path):
    """Scores of red, green and blue: how much there is of each."""
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["mean"]), helper.make_node("Flatten", ["mean"], ["y"])]
    return save(path, nodes, [("y", [1, 3])], metadata={"names": "{0: 'red', 1: 'green', 2: 'blue'}"})


def echo(path, side=16):
    """Scores of red, green and blue for each pixel: its colours."""
    return save(path, [helper.make_node("Identity", ["x"], ["y"])], [("y", [1, 3, side, side])], side,
                metadata={"names": "['red', 'green', 'blue']"})


def same_answer(path, arrays):
    """A network that gives these arrays whatever it sees."""
    nodes = [helper.make_node("Mul", ["x", "none"], ["nothing"]),
             helper.make_node("ReduceMax", ["nothing"], ["zero"], keepdims=0)]
    nodes += [helper.make_node("Add", [f"c{i}", "zero"], [f"y{i}"]) for i in range(len(arrays))]
    constants = [("none", np.float32(0).reshape(())), *((f"c{i}", array) for i, array in enumerate(arrays))]
    return save(path, nodes, [(f"y{i}", array.shape) for i, array in enumerate(arrays)], constants=constants)
