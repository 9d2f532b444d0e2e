"""Runs models of one node."""
import os

os.environ.setdefault("KILN_VERIFY_SHAPES", "1")

import kiln
from onnx import helper


def run_node(op, opset, inputs, outputs=1, domain="", **attributes):
    """The list of outputs; an input that is None and an output named "" are left out."""
    names = ["" if array is None else f"in{i}" for i, array in enumerate(inputs)]
    results = [f"out{i}" for i in range(outputs)] if isinstance(outputs, int) else list(outputs)
    node = helper.make_node(op, names, results, domain=domain, **attributes)
    ports = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
             for name, array in zip(names, inputs) if name]
    kept = [name for name in results if name]
    graph = helper.make_graph([node], "one_node", ports, [helper.make_empty_tensor_value_info(name) for name in kept])
    imports = [helper.make_opsetid(domain, opset)] + ([helper.make_opsetid("", 26)] if domain else [])
    model = helper.make_model(graph, opset_imports=imports, ir_version=10)
    session = kiln.Session(model.SerializeToString())
    values = session.run({name: array for name, array in zip(names, inputs) if name})
    return [values[name] for name in kept]
