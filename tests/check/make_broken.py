"""Makes small broken models, one for each kind of fault: `python make_broken.py FOLDER` writes them as files.

Each fault is a function that changes a sound model, with the rule that `kiln check` must name and a text that must
stand in the place or the message of the finding.
"""
from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Callable

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

F = TensorProto.FLOAT


@dataclasses.dataclass
class Fault:
    name: str
    rule: str
    names: str  # must stand in the finding's place or message
    build: Callable[[], onnx.ModelProto | bytes]
    onnx_refuses: bool = True  # whether onnx.checker finds it too
    files: Callable[[Path], None] | None = None  # writes what must lie beside the model

    def content(self) -> bytes:
        model = self.build()
        return model if isinstance(model, bytes) else model.SerializeToString(deterministic=True)


FAULTS: list[Fault] = []


def fault(rule, names="", onnx_refuses=True, files=None):
    def add(build):
        FAULTS.append(Fault(build.__name__, rule, names, build, onnx_refuses, files))
        return build
    return add


def value(name, shape=(2, 3), dtype=F):
    return helper.make_tensor_value_info(name, dtype, shape)


def weight(name, array=None):
    return numpy_helper.from_array(np.ones((3, 4), np.float32) if array is None else array, name)


def model_of(nodes, inputs=None, outputs=None, initializers=(), opset=21, **more):
    graph = helper.make_graph(nodes, more.pop("graph_name", "main"), inputs or [value("x")], outputs or [value("y")],
                              list(initializers), value_info=more.pop("value_info", []))
    imports = more.pop("imports", None) or [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=more.pop("ir_version", 10), **more)


def sound():
    """x[2,3] -> MatMul with w[3,4] -> Relu -> y[2,4]"""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"], name="mul"),
             helper.make_node("Relu", ["h"], ["y"], name="act")]
    return model_of(nodes, outputs=[value("y", (2, 4))], initializers=[weight("w")])


def changed(change):
    model = sound()
    change(model)
    return model


def subgraph_model(then_nodes, then_outputs=None, else_nodes=None, outer=()):
    """An If whose branches make `t` and `e` from x."""
    branch = helper.make_graph(then_nodes, "then", [], then_outputs or [value("t")])
    other = helper.make_graph(else_nodes or [helper.make_node("Neg", ["x"], ["e"], name="neg")], "else", [],
                              [value("e")])
    node = helper.make_node("If", ["c"], ["y"], name="choose", then_branch=branch, else_branch=other)
    return model_of([*outer, node], inputs=[value("x"), value("c", (), TensorProto.BOOL)])


def function_model(body, attributes=(), defaults=(), inputs=("a",), outputs=("b",), call=None, imports=None,
                   functions=None):
    own = helper.make_function("mine", "Twice", list(inputs), list(outputs), body,
                               imports or [helper.make_opsetid("", 21)], list(attributes), list(defaults))
    node = call or helper.make_node("Twice", ["x"], ["y"], name="call", domain="mine")
    return model_of([node], imports=[helper.make_opsetid("", 21), helper.make_opsetid("mine", 1)],
                    functions=functions(own) if functions else [own])


def double():
    return helper.make_node("Add", ["a", "a"], ["b"], name="sum")


# --- the model and its header


@fault("ir-version", "ir_version")
def no_ir_version():
    return changed(lambda m: m.ClearField("ir_version"))


@fault("ir-version", "99")
def ir_version_too_new():
    return changed(lambda m: setattr(m, "ir_version", 99))


@fault("opset-missing", "no opset")
def no_opset_import():
    return changed(lambda m: m.ClearField("opset_import"))


@fault("opset-unexpected", "ir_version 2")
def opset_with_old_ir():
    return changed(lambda m: setattr(m, "ir_version", 2))


@fault("opset-too-new", "newest that Kiln knows is 28", onnx_refuses=False)
def opset_too_new():
    return changed(lambda m: setattr(m.opset_import[0], "version", 99))


@fault("opset-version", "-3")
def opset_negative():
    return changed(lambda m: setattr(m.opset_import[0], "version", -3))


@fault("duplicate-opset", "imported in the versions", onnx_refuses=False)
def opset_imported_twice():
    return changed(lambda m: m.opset_import.append(helper.make_opsetid("", 20)))


@fault("opset-missing", "ai.onnx.ml")
def domain_not_imported():
    return model_of([helper.make_node("Scaler", ["x"], ["y"], name="scale", domain="ai.onnx.ml", scale=[1.0],
                                      offset=[0.0])])


@fault("duplicate-metadata", "author")
def metadata_twice():
    return changed(lambda m: m.metadata_props.extend([onnx.StringStringEntryProto(key="author", value=v)
                                                      for v in "ab"]))


@fault("missing-graph", "no graph")
def no_graph():
    return changed(lambda m: m.ClearField("graph"))


@fault("missing-name", "graph")
def graph_without_name():
    return changed(lambda m: m.graph.ClearField("name"))


@fault("malformed-protobuf", "at byte")
def cut_file():
    return sound().SerializeToString()[:-20]


@fault("invalid-utf8", "name", onnx_refuses=False)
def name_not_utf8():
    return sound().SerializeToString().replace(b"\x0a\x04main", b"\x0a\x04ma\xff\xfe").replace(
        b"\x12\x04main", b"\x12\x04ma\xff\xfe")


# --- names and order


@fault("duplicate-name", "two inputs have the name 'x'")
def input_twice():
    return changed(lambda m: m.graph.input.append(value("x")))


@fault("duplicate-name", "two initialisers have the name 'w'")
def initializer_twice():
    return changed(lambda m: m.graph.initializer.append(weight("w")))


@fault("duplicate-name", "'h'")
def output_made_twice():
    return changed(lambda m: m.graph.node.insert(1, helper.make_node("Relu", ["x"], ["h"], name="again")))


@fault("duplicate-name", "'x'")
def node_makes_an_input():
    return changed(lambda m: m.graph.node.append(helper.make_node("Relu", ["h"], ["x"], name="back")))


@fault("duplicate-name", "'w'")
def node_makes_an_initializer():
    return changed(lambda m: m.graph.node.append(helper.make_node("Relu", ["h"], ["w"], name="over")))


@fault("duplicate-name", "output 1 'a'")
def one_node_makes_a_name_twice():
    return model_of([helper.make_node("Split", ["x"], ["a", "a"], name="split", axis=0, num_outputs=2),
                     helper.make_node("Relu", ["a"], ["y"])], outputs=[value("y", (1, 3))])


@fault("undefined-input", "input 0 'q'")
def input_undefined():
    return changed(lambda m: m.graph.node[1].input.__setitem__(0, "q"))


@fault("undefined-output", "output 'z'")
def output_undefined():
    return changed(lambda m: m.graph.output.append(value("z")))


@fault("not-sorted", "stands later")
def nodes_not_sorted():
    def swap(model):
        nodes = list(model.graph.node)[::-1]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return changed(swap)


@fault("cycle", "a cycle")
def cycle():
    return model_of([helper.make_node("Add", ["x", "b"], ["a"], name="one"),
                     helper.make_node("Relu", ["a"], ["b"], name="two"),
                     helper.make_node("Relu", ["b"], ["y"], name="three")])


@fault("cycle", "node 'self'")
def node_reads_itself():
    return model_of([helper.make_node("Add", ["x", "y"], ["y"], name="self")])


@fault("initializer-no-input", "'w'")
def old_initializer_is_no_input():
    return changed(lambda m: setattr(m, "ir_version", 3))


@fault("missing-name", "initialiser")
def initializer_without_name():
    return changed(lambda m: m.graph.initializer.append(weight("")))


@fault("missing-name", "value has no name")
def input_without_name():
    return changed(lambda m: m.graph.input.append(value("")))


# --- operators, their inputs and outputs


@fault("unknown-operator", "is 'Relu' meant?")
def operator_misspelt():
    return changed(lambda m: setattr(m.graph.node[1], "op_type", "Rellu"))


@fault("unknown-operator", "came with 14")
def operator_not_yet_there():
    return model_of([helper.make_node("HardSwish", ["x"], ["y"], name="swish")], opset=13)


@fault("deprecated-operator", "node 'up' (Upsample)")
def operator_deprecated():
    return model_of([helper.make_node("Upsample", ["x", "s"], ["y"], name="up")], outputs=[value("y", (4, 6))],
                    initializers=[weight("s", np.array([2, 2], np.float32))])


@fault("unknown-operator", "com.example", onnx_refuses=False)
def operator_of_unknown_domain():
    return model_of([helper.make_node("Magic", ["x"], ["y"], name="magic", domain="com.example")],
                    imports=[helper.make_opsetid("", 21), helper.make_opsetid("com.example", 1)])


@fault("missing-operator", "names no operator")
def node_without_operator():
    return changed(lambda m: m.graph.node[1].ClearField("op_type"))


@fault("empty-node", "neither inputs nor outputs")
def node_without_inputs_and_outputs():
    return changed(lambda m: m.graph.node.append(onnx.NodeProto(op_type="Relu", name="nothing")))


@fault("input-count", "node 'mul' (MatMul)")
def too_few_inputs():
    return changed(lambda m: m.graph.node[0].input.pop())


@fault("input-count", "it has 2 inputs, Relu has 1")
def too_many_inputs():
    return changed(lambda m: m.graph.node[1].input.append("x"))


@fault("output-count", "it has 2 outputs, Relu has 1")
def too_many_outputs():
    return changed(lambda m: m.graph.node[1].output.append("more"))


@fault("output-count", "node 'none' (Relu)")
def too_few_outputs():
    return changed(lambda m: m.graph.node.append(helper.make_node("Relu", ["h"], [], name="none")))


@fault("missing-input", "input 1 (B) may not be left out")
def required_input_left_out():
    return changed(lambda m: m.graph.node[0].input.__setitem__(1, ""))


@fault("missing-output", "output 0 (Y) may not be left out")
def required_output_left_out():
    return changed(lambda m: m.graph.node.append(helper.make_node("Relu", ["h"], [""], name="lost")))


# --- attributes


def with_attribute(attribute):
    return changed(lambda m: m.graph.node[1].attribute.append(attribute))


@fault("unknown-attribute", "no attribute 'slope'")
def attribute_unknown():
    return with_attribute(helper.make_attribute("slope", 0.1))


@fault("unknown-attribute", "is 'axis' meant?")
def attribute_misspelt():
    return model_of([helper.make_node("Softmax", ["x"], ["y"], name="soft", axes=1)])


@fault("attribute-type", "attribute 'axis' is of type float")
def attribute_of_wrong_type():
    return model_of([helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=1.0)])


@fault("missing-attribute", "the attribute 'axis'")
def attribute_missing():
    return model_of([helper.make_node("Concat", ["x", "x"], ["y"], name="join")], outputs=[value("y", (4, 3))])


@fault("duplicate-attribute", "attribute 'axis' stands there twice")
def attribute_twice():
    model = model_of([helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=1)])
    model.graph.node[0].attribute.append(helper.make_attribute("axis", 0))
    return model


@fault("attribute-value", "more than one value")
def attribute_with_two_values():
    attribute = helper.make_attribute("alpha", 1.0)
    attribute.i = 3
    model = model_of([helper.make_node("Elu", ["x"], ["y"], name="elu")])
    model.graph.node[0].attribute.append(attribute)
    return model


@fault("attribute-type", "holds int")
def attribute_type_and_value_differ():
    model = model_of([helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=1)])
    model.graph.node[0].attribute[0].type = AttributeProto.FLOAT
    return model


@fault("attribute-type", "does not say its type")
def attribute_without_type():
    model = model_of([helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=1)])
    model.graph.node[0].attribute[0].ClearField("type")
    return model


@fault("missing-name", "attribute has no name")
def attribute_without_name():
    return with_attribute(AttributeProto(type=AttributeProto.INT, i=3))


@fault("attribute-value", "it says that it is a tensor and has none")
def attribute_tensor_absent():
    model = model_of([helper.make_node("Constant", [], ["y"], name="const")])
    model.graph.node[0].attribute.append(AttributeProto(name="value", type=AttributeProto.TENSOR))
    return model


@fault("attribute-reference", "only functions have attributes", onnx_refuses=False)
def reference_outside_function():
    model = model_of([helper.make_node("Softmax", ["x"], ["y"], name="soft")])
    model.graph.node[0].attribute.append(AttributeProto(name="axis", type=AttributeProto.INT, ref_attr_name="outer"))
    return model


# --- types and shapes


@fault("type-not-allowed", "input 0 (X)")
def type_not_allowed():
    return model_of([helper.make_node("Relu", ["x"], ["y"], name="act")], inputs=[value("x", dtype=TensorProto.BOOL)],
                    outputs=[value("y", dtype=TensorProto.BOOL)])


@fault("type-mismatch", "both must be of the same type T")
def types_differ():
    return model_of([helper.make_node("Add", ["x", "k"], ["y"], name="add")],
                    inputs=[value("x"), value("k", dtype=TensorProto.INT64)])


@fault("shape-mismatch", "'y'")
def output_type_is_not_inferred_type():
    return model_of([helper.make_node("Relu", ["x"], ["y"], name="act")],
                    outputs=[value("y", dtype=TensorProto.DOUBLE)])


@fault("shape-mismatch", "'y'")
def output_shape_is_not_inferred_shape():
    return changed(lambda m: m.graph.output[0].CopyFrom(value("y", (2, 5))))


@fault("shape-mismatch", "'y'")
def output_rank_is_not_inferred_rank():
    return changed(lambda m: m.graph.output[0].CopyFrom(value("y", (2, 4, 1))))


@fault("shape-mismatch", "'h'")
def inner_shape_is_not_inferred_shape():
    return changed(lambda m: m.graph.value_info.append(value("h", (2, 7))))


@fault("shape-mismatch", "'w'", onnx_refuses=True)
def initializer_is_not_like_its_input():
    return changed(lambda m: m.graph.input.append(value("w", (4, 4))))


@fault("shape-inference", "node 'mul' (MatMul)")
def matmul_dims_differ():
    return model_of([helper.make_node("MatMul", ["x", "w"], ["y"], name="mul")], outputs=[value("y", (2, 4))],
                    initializers=[weight("w", np.ones((5, 4), np.float32))])


@fault("shape-inference", "node 'add' (Add)")
def shapes_do_not_broadcast():
    return model_of([helper.make_node("Add", ["x", "k"], ["y"], name="add")], inputs=[value("x"), value("k", (2, 4))])


@fault("shape-inference", "node 'conv' (Conv)")
def conv_rank_too_small():
    return model_of([helper.make_node("Conv", ["x", "w"], ["y"], name="conv")],
                    initializers=[weight("w", np.ones((1, 1, 3, 3), np.float32))], outputs=[value("y", (1, 1, 1, 1))])


@fault("shape-inference", "node 'soft' (Softmax)")
def axis_out_of_range():
    return model_of([helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=5)])


@fault("shape-inference", "node 'turn' (Transpose)")
def permutation_wrong():
    return model_of([helper.make_node("Transpose", ["x"], ["y"], name="turn", perm=[0, 0])])


@fault("shape-inference", "node 'join' (Concat)")
def concat_dims_differ():
    return model_of([helper.make_node("Concat", ["x", "k"], ["y"], name="join", axis=0)],
                    inputs=[value("x"), value("k", (2, 5))], outputs=[value("y", (4, 3))])


@fault("shape-inference", "node 'shape' (Reshape)", onnx_refuses=False)
def reshape_count_differs():
    return model_of([helper.make_node("Reshape", ["x", "s"], ["y"], name="shape")], outputs=[value("y", (5, 5))],
                    initializers=[weight("s", np.array([5, 5], np.int64))])


@fault("missing-type", "input 'x'")
def input_without_type():
    return changed(lambda m: m.graph.input[0].ClearField("type"))


@fault("incomplete-type", "input 'x'")
def input_without_shape():
    return changed(lambda m: m.graph.input[0].type.tensor_type.ClearField("shape"))


@fault("incomplete-type", "output 'y'")
def output_without_shape():
    return changed(lambda m: m.graph.output[0].type.tensor_type.ClearField("shape"))


@fault("incomplete-type", "element type")
def input_without_element_type():
    return changed(lambda m: m.graph.input[0].type.tensor_type.ClearField("elem_type"))


@fault("unknown-element-type", "99")
def element_type_unknown():
    return changed(lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 99))


@fault("incomplete-type", "input 's'")
def sequence_without_element_type():
    def add(model):
        info = onnx.ValueInfoProto(name="s")
        info.type.sequence_type.SetInParent()
        model.graph.input.append(info)
    return changed(add)


@fault("map-key", "keys of a map", onnx_refuses=False)
def map_key_is_float():
    def add(model):
        info = onnx.ValueInfoProto(name="s")
        info.type.map_type.key_type = F
        info.type.map_type.value_type.tensor_type.elem_type = F
        model.graph.input.append(info)
    return changed(add)


# --- initialisers and other tensors


def with_initializer(change):
    return changed(lambda m: change(m.graph.initializer[0]))


@fault("tensor-data-size", "'w'")
def raw_data_too_short():
    return with_initializer(lambda t: setattr(t, "raw_data", t.raw_data[:-4]))


@fault("tensor-data-size", "'w'")
def float_data_too_short():
    def change(tensor):
        tensor.ClearField("raw_data")
        tensor.float_data.extend([1.0] * 5)
    return with_initializer(change)


@fault("tensor-data-size", "'w'")
def no_data():
    return with_initializer(lambda t: t.ClearField("raw_data"))


@fault("tensor-data-field", "'w'")
def two_data_fields():
    return with_initializer(lambda t: t.float_data.extend([1.0] * 12))


@fault("tensor-data-field", "int64_data")
def data_in_wrong_field():
    def change(tensor):
        tensor.ClearField("raw_data")
        tensor.int64_data.extend([1] * 12)
    return with_initializer(change)


@fault("undefined-element-type", "'w'")
def data_type_undefined():
    return with_initializer(lambda t: setattr(t, "data_type", 0))


@fault("unknown-element-type", "'w'")
def data_type_unknown():
    return with_initializer(lambda t: setattr(t, "data_type", 77))


@fault("negative-dim", "'w'")
def negative_dim():
    return with_initializer(lambda t: t.dims.__setitem__(0, -3))


@fault("tensor-too-large", "'w'")
def dims_overflow():
    return with_initializer(lambda t: t.dims.extend([1 << 40, 1 << 40]))


@fault("tensor-data-field", "strings")
def strings_in_raw_data():
    return with_initializer(lambda t: setattr(t, "data_type", TensorProto.STRING))


def sparse_model(indices, dims=(4, 5), values=(1.0, 2.0)):
    sparse = onnx.SparseTensorProto(dims=dims)
    sparse.values.CopyFrom(numpy_helper.from_array(np.array(values, np.float32), "s"))
    if indices is not None:
        sparse.indices.CopyFrom(numpy_helper.from_array(np.asarray(indices), "i"))
    model = sound()
    model.graph.sparse_initializer.append(sparse)
    return model


@fault("sparse-tensor", "not above")
def sparse_not_sorted():
    return sparse_model(np.array([7, 3], np.int64))


@fault("sparse-tensor", "not above")
def sparse_index_twice():
    return sparse_model(np.array([[1, 1], [1, 1]], np.int64))


@fault("sparse-tensor", "outside")
def sparse_index_too_large():
    return sparse_model(np.array([3, 99], np.int64))


@fault("sparse-tensor", "int64")
def sparse_index_type():
    return sparse_model(np.array([3, 9], np.int32))


@fault("sparse-tensor", "indices have the shape")
def sparse_counts_differ():
    return sparse_model(np.array([1, 3, 9], np.int64))


@fault("sparse-tensor", "positive dims")
def sparse_without_dims():
    return sparse_model(np.array([0, 1], np.int64), dims=())


@fault("sparse-tensor", "lacks")
def sparse_without_indices():
    return sparse_model(None)


# --- external data


def external(location, **entries):
    def change(tensor):
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in {"location": location, **entries}.items():
            if text is not None:
                tensor.external_data.append(onnx.StringStringEntryProto(key=key, value=str(text)))
    return with_initializer(change)


@fault("external-data", "'w'")
def external_file_missing():
    return external("missing.bin")


@fault("external-data", "outside")
def external_file_outside():
    return external("../weights.bin")


@fault("external-data", "outside")
def external_file_absolute():
    return external("/etc/hostname")


@fault("external-data", "location")
def external_without_location():
    return external(None)


@fault("external-data", "'w'", files=lambda folder: (folder / "real.bin").write_bytes(bytes(48)) and
       ((folder / "link.bin").is_symlink() or (folder / "link.bin").symlink_to("real.bin")))
def external_file_is_a_link():
    return external("link.bin")


@fault("external-data", "has only 10 bytes", onnx_refuses=False,
       files=lambda folder: (folder / "short.bin").write_bytes(bytes(10)))
def external_file_too_short():
    return external("short.bin")


@fault("external-data", "no byte count", onnx_refuses=False,
       files=lambda folder: (folder / "whole.bin").write_bytes(bytes(48)))
def external_offset_is_no_number():
    return external("whole.bin", offset="twelve")


# --- subgraphs


@fault("undefined-input", "graph 'then', node 'inner' (Relu)")
def subgraph_reads_undefined():
    return subgraph_model([helper.make_node("Relu", ["nowhere"], ["t"], name="inner")])


@fault("duplicate-name", "may not be hidden")
def subgraph_hides_outer_value():
    return subgraph_model([helper.make_node("Relu", ["x"], ["h"], name="hide"),
                           helper.make_node("Relu", ["h"], ["t"], name="inner")],
                          outer=[helper.make_node("Relu", ["x"], ["h"], name="outer")])


@fault("undefined-output", "graph 'then', output 'x'")
def subgraph_output_is_outer_value():
    return subgraph_model([helper.make_node("Relu", ["x"], ["t"], name="inner")], then_outputs=[value("x")])


@fault("unknown-operator", "graph 'then', node 'inner' (Nothing)")
def subgraph_has_unknown_operator():
    return subgraph_model([helper.make_node("Nothing", ["x"], ["t"], name="inner")])


@fault("undefined-input", "'e'")
def branch_value_read_outside():
    model = subgraph_model([helper.make_node("Relu", ["x"], ["t"], name="inner")])
    model.graph.node.append(helper.make_node("Relu", ["e"], ["z"], name="late"))
    return model


@fault("missing-name", "graph 'main'")
def subgraph_without_name():
    model = subgraph_model([helper.make_node("Relu", ["x"], ["t"], name="inner")])
    for attribute in model.graph.node[0].attribute:
        attribute.g.name = ""
    return model


@fault("missing-attribute", "then_branch")
def if_without_branch():
    model = subgraph_model([helper.make_node("Relu", ["x"], ["t"], name="inner")])
    model.graph.node[0].attribute.pop(
        next(i for i, a in enumerate(model.graph.node[0].attribute) if a.name == "then_branch"))
    return model


@fault("shape-inference", "node 'choose' (If)")
def branches_differ_in_outputs():
    return subgraph_model([helper.make_node("Relu", ["x"], ["t"], name="inner"),
                           helper.make_node("Relu", ["x"], ["u"], name="more")],
                          then_outputs=[value("t"), value("u")])


@fault("shape-inference", "node 'choose' (If)")
def branches_differ_in_type():
    return subgraph_model([helper.make_node("Cast", ["x"], ["t"], name="inner", to=TensorProto.INT64)],
                          then_outputs=[value("t", dtype=TensorProto.INT64)])


@fault("shape-inference", "node 'loop' (Loop)")
def loop_body_has_too_few_outputs():
    body = helper.make_graph([helper.make_node("Identity", ["c"], ["o"])], "body",
                             [value("i", (), TensorProto.INT64), value("c", (), TensorProto.BOOL), value("s")],
                             [value("o", (), TensorProto.BOOL)])
    return model_of([helper.make_node("Loop", ["n", "", "x"], ["y"], name="loop", body=body)],
                    inputs=[value("x"), value("n", (), TensorProto.INT64)])


# --- functions


@fault("duplicate-function", "mine.Twice")
def function_twice():
    return function_model([double()], functions=lambda own: [own, own])


@fault("recursive-function", "it calls itself")
def function_calls_itself():
    return function_model([helper.make_node("Twice", ["a"], ["b"], name="again", domain="mine")],
                          imports=[helper.make_opsetid("", 21), helper.make_opsetid("mine", 1)])


@fault("recursive-function", "Twice -> Other -> Twice")
def functions_call_each_other():
    imports = [helper.make_opsetid("mine", 1)]
    other = helper.make_function("mine", "Other", ["a"], ["b"],
                                 [helper.make_node("Twice", ["a"], ["b"], domain="mine")], imports)
    return function_model([helper.make_node("Other", ["a"], ["b"], domain="mine")], imports=imports,
                          functions=lambda own: [own, other])


@fault("opset-missing", "function 'Twice'")
def function_imports_no_opset():
    return function_model([double()], imports=[helper.make_opsetid("mine", 1)])


@fault("function-opset", "Softmax changed")
def function_opset_is_not_models():
    return function_model([helper.make_node("Softmax", ["a"], ["b"], name="soft")],
                          imports=[helper.make_opsetid("", 11)])


@fault("undefined-input", "graph 'Twice', node 'sum' (Add)")
def function_reads_undefined():
    return function_model([helper.make_node("Add", ["a", "x"], ["b"], name="sum")])


@fault("duplicate-name", "declared twice")
def function_output_twice():
    return function_model([double()], outputs=("b", "b"))


@fault("duplicate-name", "attribute 'alpha' is declared twice")
def function_attribute_twice():
    elu = helper.make_node("Elu", ["a"], ["b"], name="elu")
    elu.attribute.append(AttributeProto(name="alpha", type=AttributeProto.FLOAT, ref_attr_name="alpha"))
    return function_model([elu], attributes=["alpha", "alpha"],
                          call=helper.make_node("Twice", ["x"], ["y"], domain="mine", alpha=1.0))


@fault("attribute-reference", "does not declare", onnx_refuses=False)
def function_attribute_undeclared():
    elu = helper.make_node("Elu", ["a"], ["b"], name="elu")
    elu.attribute.append(AttributeProto(name="alpha", type=AttributeProto.FLOAT, ref_attr_name="beta"))
    return function_model([elu])


@fault("attribute-value", "has a value and also refers", onnx_refuses=False)
def function_attribute_has_value_and_reference():
    elu = helper.make_node("Elu", ["a"], ["b"], name="elu", alpha=2.0)
    elu.attribute[0].ref_attr_name = "alpha"
    return function_model([elu], attributes=["alpha"],
                          call=helper.make_node("Twice", ["x"], ["y"], domain="mine", alpha=1.0))


@fault("missing-attribute", "needs the attribute 'alpha'", onnx_refuses=False)
def call_lacks_attribute():
    elu = helper.make_node("Elu", ["a"], ["b"], name="elu")
    elu.attribute.append(AttributeProto(name="alpha", type=AttributeProto.FLOAT, ref_attr_name="alpha"))
    return function_model([elu], attributes=["alpha"])


@fault("input-count", "function 'Twice' has 1", onnx_refuses=False)
def call_has_too_many_inputs():
    return function_model([double()], call=helper.make_node("Twice", ["x", "x"], ["y"], name="call", domain="mine"))


@fault("undefined-output", "graph 'Twice', output 'c'", onnx_refuses=False)
def function_output_undefined():
    return function_model([double()], outputs=("c",))


@fault("duplicate-name", "graph 'Twice'")
def function_input_twice():
    return function_model([double()], inputs=("a", "a"))


@fault("missing-domain", "domain")
def function_without_domain():
    model = function_model([double()])
    model.functions[0].ClearField("domain")
    return model


# --- training


@fault("training-binding", "no initialiser", onnx_refuses=False)
def training_binds_what_is_not_there():
    model = sound()
    info = model.training_info.add()
    info.algorithm.CopyFrom(helper.make_graph([helper.make_node("Identity", ["w"], ["w2"])], "step", [], [value("w2")]))
    info.update_binding.add(key="nothing", value="w2")
    return model


def write_all(folder: Path):
    folder.mkdir(parents=True, exist_ok=True)
    for each in FAULTS:
        if each.files:
            each.files(folder)
        (folder / f"{each.name}.onnx").write_bytes(each.content())


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
    print(f"{len(FAULTS)} broken models in {sys.argv[1]}")
