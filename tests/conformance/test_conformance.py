"""ONNX's own conformance cases through kiln.onnxruntime, and once more after writing and reading each model.

With KILN_CONFORMANCE_ENGINES=1 each model is first made an engine, saved, and loaded again; KILN_CONFORMANCE_PROVIDERS
says whose ways such an engine takes (kiln.build's `providers`). With KILN_CONFORMANCE_PROFILES=1 the dims of its inputs
are left open and it is built for sizes of them, of which those of the case are the least ones.
"""
import os
import tempfile

# Every result is also held against what type and shape inference says of it.
os.environ.setdefault("KILN_VERIFY_SHAPES", "1")

import kiln
import kiln.onnxruntime as ort
import numpy as np
import onnx
import pytest
from onnx.backend.test.runner import Runner

from cases import all_cases
from excused import EXCUSED

CASES = all_cases()


def with_open_dims(content):
    """The model with symbols for the dims of its inputs, and a profile for these."""
    model = onnx.ModelProto.FromString(content)
    initialised = {tensor.name for tensor in model.graph.initializer}
    profile = {}
    for port in model.graph.input:
        if port.name in initialised or not port.type.tensor_type.HasField("shape"):
            continue
        dims = port.type.tensor_type.shape.dim
        if not dims or not all(dim.HasField("dim_value") for dim in dims):
            continue
        profile[port.name] = tuple([times * dim.dim_value for dim in dims] for times in (1, 3, 6))
        for axis, dim in enumerate(dims):
            dim.dim_param = f"{port.name}_{axis}"
    del model.graph.value_info[:]
    for port in model.graph.output:
        if port.type.HasField("tensor_type"):
            port.type.tensor_type.ClearField("shape")
    return model.SerializeToString(), profile


def session_of(model):
    if os.environ.get("KILN_CONFORMANCE_ENGINES") != "1":
        return ort.InferenceSession(model)
    profiles = None
    if os.environ.get("KILN_CONFORMANCE_PROFILES") == "1":
        model, profiles = with_open_dims(model)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "case.kiln")
        providers = os.environ.get("KILN_CONFORMANCE_PROVIDERS", "")
        kiln.build(model, tune="off", verify=False, providers=providers, profiles=profiles).save(path)
        return ort.InferenceSession(path)


def run_case(case, model):
    session = session_of(model)
    graph = onnx.ModelProto.FromString(model).graph
    initialised = {tensor.name for tensor in graph.initializer}
    names = [x.name for x in graph.input]
    if case.kind == "light":
        names = [name for name in names if name not in initialised]
    for inputs, expected in case.load_data_sets():
        # Some cases hold numpy scalars where 0-d arrays are meant.
        given = {name: np.asarray(value) if isinstance(value, np.generic) else value
                 for name, value in zip(names, inputs)}
        optional = {port.name for port in graph.input if port.type.HasField("optional_type")}
        feed = {name: value for name, value in given.items() if value is not None or name in optional}
        outputs = session.run(None, feed)
        compare(expected, outputs, case)


def compare(expected, outputs, case):
    assert len(outputs) == len(expected)
    for want, got in zip(expected, outputs):
        if want is None or isinstance(want, dict):
            assert want == got
        elif isinstance(want, (list, tuple)):
            # One by one: the runner would take a 0-d array inside a sequence for a list.
            compare(want, got, case)
        else:
            Runner.assert_similar_outputs([np.asarray(want)], [np.asarray(got)], case.rtol, case.atol)


def parameters():
    for case in CASES:
        marks = [pytest.mark.skip(reason=EXCUSED[case.name])] if case.name in EXCUSED else []
        yield pytest.param(case, id=f"{case.kind}-{case.name}", marks=marks)


@pytest.mark.parametrize("case", parameters())
def test_case(case):
    run_case(case, case.load_model())


def round_trip(case):
    return kiln.Model.load(case.load_model()).to_onnx()
