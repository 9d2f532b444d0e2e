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


def likeness(colours, sharpness):
    """Nodes from x to `like`, how near each pixel is to each colour: 1 - sharpness * distance^2, at least 0."""
    colours = np.asarray(list(colours), np.float32) / 255
    weights = np.concatenate([2 * sharpness * colours, np.full_like(colours, -sharpness)], 1)[:, :, None, None]
    bias = 1 - sharpness * (colours ** 2).sum(1)
    nodes = [helper.make_node("Mul", ["x", "x"], ["squares"]),
             helper.make_node("Concat", ["x", "squares"], ["both"], axis=1),
             helper.make_node("Conv", ["both", "weights", "bias"], ["near"]),
             helper.make_node("Relu", ["near"], ["like"])]
    return nodes, [("weights", weights.astype(np.float32)), ("bias", bias.astype(np.float32))]


def ball_detector(path, colours, names, side=128, ball=24):
    """A detector as YOLOv8 has it, for balls of these colours that are `ball` pixels wide: [1, 4 + colours, places]."""
    nodes, constants = likeness(colours, 8)
    window, places = 20, side // 4
    row = (np.arange(places, dtype=np.float32) * 4) + 2
    boxes = np.full((1, 4, places * places), ball, np.float32)
    boxes[0, 0], boxes[0, 1] = np.tile(row, places), np.repeat(row, places)
    pad = (window - 4) // 2
    nodes += [helper.make_node("AveragePool", ["like"], ["means"], kernel_shape=[window] * 2, strides=[4, 4],
                               pads=[pad] * 4, count_include_pad=1),
              helper.make_node("Reshape", ["means", "flat"], ["scores"]),
              helper.make_node("Concat", ["boxes", "scores"], ["y"], axis=1)]
    constants += [("flat", np.array([1, len(colours), -1])), ("boxes", boxes)]
    metadata = {"names": str(dict(enumerate(names)))}
    return save(path, nodes, [("y", [1, 4 + len(colours), places * places])], side, metadata, constants)


def dot_pose(path, colours, side=256):
    """A pose network whose joints are dots of these colours: heat maps [1, joints, side / 4, side / 4]."""
    nodes, constants = likeness(colours, 40)
    nodes.append(helper.make_node("AveragePool", ["like"], ["y"], kernel_shape=[4, 4], strides=[4, 4]))
    return save(path, nodes, [("y", [1, len(colours), side // 4, side // 4])], side, constants=constants)
