"""Makes classifier.onnx, the model that the examples run: a linear layer and a softmax over three classes."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

weights = np.array([[2, -1, 0], [-1, 2, 0], [0, -1, 2], [0, 0, 1]], np.float32)
graph = helper.make_graph(
    [helper.make_node("Gemm", ["x", "weights", "bias"], ["scores"], "linear"),
     helper.make_node("Softmax", ["scores"], ["probabilities"], "softmax", axis=1)],
    "classifier",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
    [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["batch", 3])],
    [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.zeros(3, np.float32), "bias")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
onnx.checker.check_model(model, full_check=True)
onnx.save(model, Path(__file__).with_name("classifier.onnx"))
