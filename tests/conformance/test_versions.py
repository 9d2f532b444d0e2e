"""Every operator in every version of its history runs, and by the rule of that version.

An entry of the schema history is held to hand-made cases, and to those conformance cases whose answer is the same under
that version's rule, stamped with exactly that version.
"""
import os

os.environ.setdefault("KILN_VERIFY_SHAPES", "1")

import collections
import functools

import kiln.onnxruntime as ort
import numpy as np
import onnx
import pytest
from onnx import helper

import hand_flow_cases  # noqa: F401 - declares cases
import hand_ml_cases  # noqa: F401 - declares cases
from cases import all_cases
from excused import EXCUSED
from hand_cases import HAND_CASES, f32, i64, ports
from restamp import model_of, restamp
from test_conformance import compare

SCHEMAS = {(s.domain, s.name, s.since_version): s for s in onnx.defs.get_all_schemas_with_history()}
# Taken out of the standard with these versions, so no model that imports them is valid.
WITHDRAWN = {
    ("", "Upsample", 10): "Resize does its task",
    ("", "Scatter", 11): "ScatterElements does its task",
    ("ai.onnx.ml", "TreeEnsembleClassifier", 5): "TreeEnsemble does its task",
    ("ai.onnx.ml", "TreeEnsembleRegressor", 5): "TreeEnsemble does its task",
}
CASES_EACH = 4


@functools.cache
def single_nodes():
    """The conformance cases of one node, by operator."""
    found = collections.defaultdict(list)
    for case in all_cases():
        if case.name in EXCUSED or case.kind == "light":
            continue
        model = onnx.ModelProto.FromString(case.load_model())
        if len(model.graph.node) == 1 and not model.functions and not model.graph.initializer:
            node = model.graph.node[0]
            found["" if node.domain == "ai.onnx" else node.domain, node.op_type].append((case, model))
    return found


@functools.cache
def cases_of(entry):
    """The hand-made ones, and some of the conformance cases: the first, the last and others spread between."""
    schema = SCHEMAS[entry]
    stamped = [restamp(case, model, schema) for case, model in single_nodes()[entry[:2]]]
    stamped = [case for case in stamped if case is not None]
    chosen = sorted({round(i) for i in np.linspace(0, len(stamped) - 1, CASES_EACH)}) if stamped else []
    return HAND_CASES.get(entry, []) + [stamped[i] for i in chosen]


def entries():
    return [pytest.param(entry, id=f"{entry[0] or 'ai.onnx'}-{entry[1]}-{entry[2]}")
            for entry in sorted(SCHEMAS) if entry not in WITHDRAWN]


@pytest.mark.parametrize("entry", entries())
def test_version(entry):
    for case in cases_of(entry):
        imports = {x.domain: x.version for x in case.model.opset_import}
        assert imports[entry[0]] == entry[2]
        feed = {port.name: np.asarray(value) if isinstance(value, np.generic) else value
                for port, value in zip(case.model.graph.input, case.inputs)}
        try:
            outputs = ort.InferenceSession(case.model.SerializeToString()).run(None, feed)
            compare(case.outputs, outputs, case)
        except Exception as fault:
            fault.add_note(f"in case '{case.name}'")
            raise


def test_every_entry_has_a_case():
    assert len(SCHEMAS) == 659
    without = [entry for entry in SCHEMAS if entry not in WITHDRAWN and not cases_of(entry)]
    assert not without
    assert set(HAND_CASES) <= set(SCHEMAS)
    deprecated = {entry for entry, schema in SCHEMAS.items() if schema.deprecated}
    # GroupNormalization-18 was replaced by version 21 of itself; its rule is still good for the models that use it.
    assert deprecated - set(WITHDRAWN) == {("", "GroupNormalization", 18)}


def test_models_are_valid():
    """What runs here is what the standard allows in that version."""
    for entry, schema in SCHEMAS.items():
        if schema.deprecated:
            continue
        for case in cases_of(entry):
            try:
                onnx.checker.check_model(case.model)
            except onnx.checker.ValidationError as fault:
                fault.add_note(f"{entry}: case '{case.name}'")
                raise


@pytest.mark.parametrize("entry", sorted(WITHDRAWN), ids=lambda entry: f"{entry[1]}-{entry[2]}")
def test_withdrawn_version_is_refused(entry):
    domain, op, version = entry
    x = np.ones((1, 1, 2, 2), np.float32)
    inputs = {"Upsample": [x, f32(1, 1, 2, 2)], "Scatter": [f32(1, 2), i64([0]), f32([3])]}.get(op, [x[0, 0]])
    node = helper.make_node(op, [f"in{i}" for i in range(len(inputs))], ["out"], domain=domain)
    model = model_of(node, version, ports("in", inputs), [helper.make_empty_tensor_value_info("out")])
    with pytest.raises(Exception, match=rf"{op}.*deprecated since version {version}"):
        ort.InferenceSession(model.SerializeToString())


def test_version_before_the_first_is_refused():
    node = helper.make_node("Acos", ["in0"], ["out"])
    model = model_of(node, 6, ports("in", [f32(1, 2)]), [helper.make_empty_tensor_value_info("out")])
    with pytest.raises(Exception, match="opset 6 of 'ai.onnx' does not have it yet; it came with version 7"):
        ort.InferenceSession(model.SerializeToString())
