"""Every conformance case of the `onnx` package: node cases, and the models under its backend test data.

Collecting the node cases runs their numpy code, which takes a while, so what comes out is kept in the user's cache
folder, one file for each version of the package.
"""
from __future__ import annotations

import dataclasses
import fcntl
import functools
import glob
import json
import os
import pickle
from pathlib import Path

import numpy as np
import onnx
import onnx.backend.test.case.node
import onnx.backend.test.runner
from onnx import numpy_helper

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
FOLDERS = ("simple", "pytorch-operator", "pytorch-converted")


@dataclasses.dataclass
class Case:
    name: str
    kind: str
    model: bytes | None  # None: read it from `path`
    path: str | None
    data_sets: list | None  # None: read them when they are needed
    rtol: float
    atol: float

    def load_model(self) -> bytes:
        return self.model if self.model is not None else Path(self.path).read_bytes()

    def load_data_sets(self) -> list:
        """(inputs, expected outputs) pairs; inputs follow the model's inputs that have no initialiser."""
        if self.data_sets is not None:
            return self.data_sets
        if self.kind == "light":
            return [_light_data(self.path)]
        model = onnx.load(self.path)
        folders = sorted(glob.glob(os.path.join(os.path.dirname(self.path), "test_data_set*")))
        return [(_read_protos(folder, "input", model.graph.input), _read_protos(folder, "output", model.graph.output))
                for folder in folders]


def _read_proto(path, type_proto):
    content = Path(path).read_bytes()
    if type_proto.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
    if type_proto.HasField("optional_type"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(content))
    return numpy_helper.to_array(onnx.TensorProto.FromString(content))


def _read_protos(folder, kind, ports):
    count = len(glob.glob(os.path.join(folder, f"{kind}_*.pb")))
    return [_read_proto(os.path.join(folder, f"{kind}_{i}.pb"), ports[i].type) for i in range(count)]


def _light_data(path):
    """The light models come with their outputs only; their inputs are the runner's counting pattern."""
    model = onnx.load(path)
    initialised = {tensor.name for tensor in model.graph.initializer}
    inputs = [onnx.backend.test.runner.Runner.generate_dummy_data(x, name=x.name)
              for x in model.graph.input if x.name not in initialised]
    outputs = [numpy_helper.to_array(onnx.TensorProto.FromString(
        Path(f"{os.path.splitext(path)[0]}_output_{i}.pb").read_bytes())) for i in range(len(model.graph.output))]
    return inputs, outputs


def _collect_node_cases():
    def normal(value):
        return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value

    cases = []
    for case in onnx.backend.test.case.node.collect_testcases(None):
        data_sets = [([normal(x) for x in inputs], [normal(x) for x in outputs]) for inputs, outputs in case.data_sets]
        cases.append(Case(case.name, "node", case.model.SerializeToString(), None, data_sets, case.rtol, case.atol))
    return cases


def _node_cases():
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kiln" / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"onnx-{onnx.__version__}-numpy-{np.__version__}-node-cases.pickle"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            rows = pickle.loads(path.read_bytes())
        else:
            rows = [dataclasses.astuple(case) for case in _collect_node_cases()]
            partial = path.with_suffix(".partial")
            partial.write_bytes(pickle.dumps(rows))
            partial.rename(path)
    return [Case(*row) for row in rows]


def _folder_cases():
    cases = []
    for kind in FOLDERS:
        for folder in sorted((DATA / kind).iterdir()):
            cases.append(Case(folder.name, kind, None, str(folder / "model.onnx"), None, *_tolerances(folder)))
    # The folder `real` holds nothing but pointers to the light models, with their tolerances.
    for folder in sorted((DATA / "real").iterdir()):
        url = json.loads((folder / "data.json").read_text())["url"]
        path = DATA / "light" / url.rsplit("/", 1)[-1]
        cases.append(Case("test_" + path.stem, "light", None, str(path), None, *_tolerances(folder)))
    return cases


def _tolerances(folder):
    """(rtol, atol): the runner's, unless the case states its own."""
    stated = folder / "data.json"
    own = json.loads(stated.read_text()) if stated.exists() else {}
    return own.get("rtol", 1e-3), own.get("atol", 1e-7)


@functools.cache
def all_cases() -> list[Case]:
    return _node_cases() + _folder_cases()
