"""Holds what Kiln says of every operator against onnx's own schemas, version by version."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))


@pytest.fixture(scope="module")
def operators():
    """What `kiln ops --json` lists, by domain and name."""
    done = subprocess.run([KILN, "ops", "--json"], capture_output=True, text=True, check=True)
    return {(op["domain"], op["name"]): op for op in json.loads(done.stdout)}


def type_text(text):
    """onnx writes the element of a map as `float`, and types elsewhere as `tensor(float)`."""
    return re.sub(r"map\((\w+), (\w+)\)", r"map(\1,tensor(\2))", text)


def parameter(formal):
    option = {"Single": "single", "Optional": "optional", "Variadic": "variadic"}[formal.option.name]
    variadic = option == "variadic"
    return {
        "name": formal.name,
        "type": type_text(formal.type_str),
        "option": option,
        # Both mean something for a variadic parameter only.
        "homogeneous": bool(formal.is_homogeneous) if variadic else True,
        "min_arity": formal.min_arity if variadic else 1,
    }


def attribute(definition):
    value = None
    if definition.default_value.type != onnx.AttributeProto.UNDEFINED:
        value = onnx.helper.get_attribute_value(definition.default_value)
        if isinstance(value, bytes):
            value = value.decode()
        elif isinstance(value, (list, tuple)):
            value = [item.decode() if isinstance(item, bytes) else item for item in value]
    return {"name": definition.name, "type": definition.type.name.lower(), "required": bool(definition.required),
            "default": value}


def said_by_onnx(schema):
    return {
        "since": schema.since_version,
        "deprecated": schema.deprecated,
        "inputs": [parameter(formal) for formal in schema.inputs],
        "outputs": [parameter(formal) for formal in schema.outputs],
        "attributes": sorted((attribute(a) for a in schema.attributes.values()), key=lambda a: a["name"]),
        "type_constraints": sorted(({"name": c.type_param_str, "types": sorted(map(type_text, c.allowed_type_strs))}
                                    for c in schema.type_constraints), key=lambda c: c["name"]),
    }


def said_by_kiln(version):
    said = dict(version)
    for side in ("inputs", "outputs"):
        said[side] = [dict(p, **({} if p["option"] == "variadic" else {"homogeneous": True, "min_arity": 1}))
                      for p in version[side]]
    said["attributes"] = sorted((dict(a, default=exact(a)) for a in version["attributes"]), key=lambda a: a["name"])
    said["type_constraints"] = sorted(({"name": c["name"], "types": sorted(c["types"])}
                                       for c in version["type_constraints"]), key=lambda c: c["name"])
    return said


def exact(definition):
    """A float in JSON is the float's shortest text: as a float again it is the schema's own."""
    value = definition["default"]
    if value is None or definition["type"] not in ("float", "floats"):
        return value
    return [float(np.float32(v)) for v in value] if isinstance(value, list) else float(np.float32(value))


def history():
    return sorted(onnx.defs.get_all_schemas_with_history(), key=lambda s: (s.domain, s.name, s.since_version))


def test_every_operator_and_version_is_listed(operators):
    expected = {(s.domain, s.name, s.since_version) for s in history()}
    found = {(*key, version["since"]) for key, op in operators.items() for version in op["versions"]}
    assert found == expected
    assert len(expected) == 659
    assert len(operators) == 227


def test_every_operator_runs_and_infers_shapes(operators):
    assert not [key for key, op in operators.items() if not op["implemented"]]
    assert not [key for key, op in operators.items() if not op["shape_inference"]]


@pytest.mark.parametrize("schema", history(), ids=lambda s: f"{s.domain or 'ai.onnx'}.{s.name}-{s.since_version}")
def test_schema(operators, schema):
    versions = operators[schema.domain, schema.name]["versions"]
    version = next(v for v in versions if v["since"] == schema.since_version)
    assert said_by_kiln(version) == said_by_onnx(schema)
