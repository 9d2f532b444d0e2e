"""Conformance cases of one node, stamped with another version of the operator that gives the same answer.

What a later version takes as an input an earlier one may take as an attribute; `INPUT_TO_ATTRIBUTE` names those. A case
that the other version's schema does not allow (types, counts, attributes) is left out, so what comes back is a valid
model of exactly that version whose expected output is the case's own.
"""
from __future__ import annotations

import dataclasses
from fnmatch import fnmatchcase

import numpy as np
import onnx
from onnx import AttributeProto, helper
from onnx.defs import OpSchema


@dataclasses.dataclass
class VersionCase:
    name: str
    model: onnx.ModelProto
    inputs: list
    outputs: list
    rtol: float = 1e-3
    atol: float = 1e-7


# Operator -> {input index: attribute that carried it before}; which of the two holds is read from the schema.
INPUT_TO_ATTRIBUTE = {
    "Squeeze": {1: "axes"}, "Unsqueeze": {1: "axes"}, "Slice": {1: "starts", 2: "ends", 3: "axes"},
    "Pad": {1: "pads", 2: "value"}, "Reshape": {1: "shape"}, "Clip": {1: "min", 2: "max"}, "Split": {1: "split"},
    "TopK": {1: "k"}, "Upsample": {1: "scales"}, "Dropout": {1: "ratio"},
    **{f"Reduce{kind}": {1: "axes"} for kind in
       ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")},
}
# Attributes that had another name in the first version.
OLD_NAMES = {("Pad", "pads"): "paddings"}
# Attributes that only say how a result is stored or made, so that leaving them out changes no answer.
NO_MATTER = {"stash_type", "saturate"}
# What a version without the attribute always does.
IMPLIED = {("RoiAlign", "coordinate_transformation_mode"): b"output_half_pixel"}
# (operator, cases, versions below): these cases show what is another rule, or none, in the versions before.
OTHER_RULE = [
    ("*Pool", "*ceil_last_window*", 22), ("*Pool", "*reduce_by_one*", 22),  # later windows may start in the padding
    ("DFT", "*", 20), ("DFT", "*opset19*", 99),  # the axis has another default
    ("Dropout", "*", 7),  # trains unless is_test is set
    ("BatchNormalization", "*", 7), ("GroupNormalization", "*", 21),
    ("Flatten", "*negative*", 11), ("OneHot", "*negative*", 11), ("OneHot", "*out_of_range*", 11),
    ("GridSample", "*volumetric*", 20), ("Pad", "*wrap*", 19), ("Resize", "*half_pixel_symmetric*", 19),
    ("Scatter*", "*_max*", 18), ("Scatter*", "*_min*", 18),
    ("Split", "*equal_parts*opset13", 99),  # num_outputs must be stated
    ("*ax", "*axis_[012]", 13), ("*ax", "*negative_axis", 13),  # all axes from this one on are one
]


def model_of(node, version, inputs, outputs, opset=None):
    """`inputs` and `outputs` are value infos; the model imports exactly `version` of the node's domain."""
    graph = helper.make_graph([node], "version", inputs, outputs)
    imports = [helper.make_opsetid(node.domain, opset or version)]
    model = helper.make_model(graph, opset_imports=imports)
    model.ir_version = ir_version_of(node.domain, opset or version)
    return model


def ir_version_of(domain, version):
    return helper.find_min_ir_version_for([helper.make_opsetid(domain, version)], ignore_unknown=True)


def type_text(type_proto):
    kind = type_proto.WhichOneof("value")
    if kind == "tensor_type":
        name = helper.tensor_dtype_to_string(type_proto.tensor_type.elem_type).split(".")[-1].lower()
        return f"tensor({name})"
    if kind == "sequence_type":
        return f"seq({type_text(type_proto.sequence_type.elem_type)})"
    if kind == "optional_type":
        return f"optional({type_text(type_proto.optional_type.elem_type)})"
    if kind == "map_type":
        key = TYPE_NAMES[type_proto.map_type.key_type]
        return f"map({key},{type_text(type_proto.map_type.value_type)})"
    return kind or ""


TYPE_NAMES = {value: name.lower() for name, value in onnx.TensorProto.DataType.items()}


def _default(schema, name):
    """The attribute's default in `schema`, or None."""
    attribute = schema.attributes.get(name)
    if attribute is None or attribute.default_value.type == AttributeProto.UNDEFINED:
        return None
    return helper.get_attribute_value(attribute.default_value)


def _accepts(formals, types):
    """Whether values of these types (None: left out) fit the formal parameters."""
    for index, type_name in enumerate(types):
        formal = formals[min(index, len(formals) - 1)] if formals else None
        variadic = formal is not None and formal.option == OpSchema.FormalParameterOption.Variadic
        if formal is None or (index >= len(formals) and not variadic):
            return False
        if type_name is None:
            if formal.option != OpSchema.FormalParameterOption.Optional:
                return False
        elif type_name not in formal.types:
            return False
    required = [x for x in formals if x.option == OpSchema.FormalParameterOption.Single]
    return len(types) >= len(required)


def _move_inputs(node, values, schema):
    """Turns inputs that `schema` takes as attributes into those; False when that cannot be done."""
    for index, name in sorted(INPUT_TO_ATTRIBUTE.get(node.op_type, {}).items(), reverse=True):
        name = name if name in schema.attributes else OLD_NAMES.get((node.op_type, name), name)
        if name not in schema.attributes or index >= len(node.input):
            continue
        if index != len(node.input) - 1:
            return False
        value = values.get(node.input.pop())
        if value is None:
            continue
        value = np.asarray(value).tolist()
        wanted = schema.attributes[name].type
        if wanted in (OpSchema.AttrType.INT, OpSchema.AttrType.FLOAT) and isinstance(value, list):
            if len(value) != 1:
                return False
            value = value[0]
        if wanted in (OpSchema.AttrType.FLOAT, OpSchema.AttrType.FLOATS):
            value = np.asarray(value, np.float64).tolist()
        if value == []:
            continue
        node.attribute.append(helper.make_attribute(name, value))
    while node.input and node.input[-1] == "":
        node.input.pop()
    return True


def _fit_attributes(node, own, schema):
    """Spells out defaults that differ and drops what is the default anyway; False when the schema lacks the rest."""
    stated = {attribute.name for attribute in node.attribute}
    for name in own.attributes:
        default = _default(own, name)
        if name not in stated and name in schema.attributes and default is not None:
            if default != _default(schema, name):
                node.attribute.append(helper.make_attribute(name, default))
        elif name not in stated and default != IMPLIED.get((node.op_type, name), default):
            return False
    for attribute in list(node.attribute):
        if attribute.name in schema.attributes:
            wanted = schema.attributes[attribute.name].type
            if node.op_type == "Cast" and attribute.name == "to" and wanted == OpSchema.AttrType.STRING:
                attribute.CopyFrom(helper.make_attribute("to", TYPE_NAMES[attribute.i].upper()))
            if int(attribute.type) != int(wanted.value):
                return False
        elif attribute.name in NO_MATTER or helper.get_attribute_value(attribute) == IMPLIED.get(
                (node.op_type, attribute.name), _default(own, attribute.name)):
            node.attribute.remove(attribute)
        else:
            return False
    return all(name in {x.name for x in node.attribute} for name, x in schema.attributes.items() if x.required)


def _same_rule(case, node, model, schema):
    for op, pattern, version in OTHER_RULE:
        if schema.since_version < version and fnmatchcase(node.op_type, op) and fnmatchcase(case.name, pattern):
            return False
    if "broadcast" in schema.attributes:  # then shapes differ only where the attribute says so
        shapes = {x.type.tensor_type.shape.SerializeToString() for x in model.graph.input}
        return len(shapes) == 1
    return True


def restamp(case, model, schema):
    """The case as a model of exactly `schema`, or None. `model` is the case's own, of one node."""
    node = onnx.NodeProto()
    node.CopyFrom(model.graph.node[0])
    node.domain = schema.domain
    versions = {x.domain: x.version for x in model.opset_import}
    own = onnx.defs.get_schema(node.op_type, versions[schema.domain], schema.domain)
    ports = {x.name: x for x in model.graph.input}
    feeds, expected = case.load_data_sets()[0]
    values = dict(zip(ports, feeds))
    if own.since_version != schema.since_version:
        if not _same_rule(case, node, model, schema):
            return None
        if not _move_inputs(node, values, schema) or not _fit_attributes(node, own, schema):
            return None
    for attribute in node.attribute:
        if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) or attribute.ref_attr_name:
            return None
    results = {x.name: x for x in model.graph.output}
    if any(name and name not in ports for name in node.input) or any(x and x not in results for x in node.output):
        return None
    if not _accepts(schema.inputs, [type_text(ports[x].type) if x else None for x in node.input]):
        return None
    if not _accepts(schema.outputs, [type_text(results[x].type) if x else None for x in node.output]):
        return None
    names = list(dict.fromkeys(x for x in node.input if x))
    stamped = model_of(node, schema.since_version, [ports[x] for x in names], list(model.graph.output))
    return VersionCase(case.name, stamped, [values[x] for x in names], expected, case.rtol, case.atol)
