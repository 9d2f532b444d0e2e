import io
import warnings

import numpy as np
import pytest
from onnx import TensorProto, helper

import small_models
from small_models import FLOAT, tensor

CPU = ["CPUExecutionProvider"]


def test_what_a_session_says_of_itself(ort):
    session = ort.InferenceSession(small_models.add(), providers=CPU)
    assert [(node.name, node.type, node.shape) for node in session.get_inputs()] == [
        ("x", "tensor(float)", ["n", 3]), ("y", "tensor(float)", ["n", 3])]
    assert str(session.get_outputs()[0]) == "NodeArg(name='z', type='tensor(float)', shape=['n', 3])"
    assert session.get_providers() == CPU
    assert session.get_provider_options() == {"CPUExecutionProvider": {}}
    assert session._model_path is None


def test_shapes_that_are_not_known(ort):
    unnamed = small_models.model([helper.make_node("Relu", ["x"], ["y"])], [tensor("x", FLOAT, [None, 3, "a"])],
                             [tensor("y", FLOAT, None)])
    assert ort.InferenceSession(unnamed, providers=CPU).get_inputs()[0].shape == [None, 3, "a"]
    without = small_models.model([helper.make_node("Relu", ["x"], ["y"])],
                             [helper.make_value_info("x", helper.make_tensor_type_proto(FLOAT, None))],
                             [helper.make_value_info("y", helper.make_tensor_type_proto(FLOAT, None))])
    assert ort.InferenceSession(without, providers=CPU).get_inputs()[0].shape == []


def test_other_types(ort):
    of = ort.InferenceSession(small_models.sequence(), providers=CPU).get_inputs()[0]
    assert (of.type, of.shape) == ("seq(tensor(float))", [])
    of = ort.InferenceSession(small_models.optional(), providers=CPU).get_inputs()[0]
    assert (of.type, of.shape) == ("optional(tensor(float))", [2])


def test_metadata(ort):
    model = helper.make_model(helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "named", [tensor("x", FLOAT, [1])], [tensor("y", FLOAT, [1])],
        doc_string="of the graph"), ir_version=9, opset_imports=[helper.make_opsetid("", 20)], producer_name="me",
        doc_string="of the model", domain="here", model_version=5)
    helper.set_model_props(model, {"character": "abc"})
    meta = ort.InferenceSession(model.SerializeToString(), providers=CPU).get_modelmeta()
    assert meta.custom_metadata_map == {"character": "abc"}
    assert (meta.description, meta.domain, meta.version) == ("of the model", "here", 5)
    assert (meta.graph_description, meta.graph_name, meta.producer_name) == ("of the graph", "named", "me")


def test_paths(ort, tmp_path):
    path = tmp_path / "\u00e9 add.onnx"
    path.write_bytes(small_models.add())
    for given in (path, str(path)):
        session = ort.InferenceSession(given, providers=CPU)
        assert len(session.run(None, {"x": np.ones((1, 3), "f"), "y": np.ones((1, 3), "f")})) == 1
    assert ort.InferenceSession(str(path), providers=CPU)._model_path == str(path)


def test_what_cannot_be_loaded(ort, state, tmp_path):
    with pytest.raises(state.NoSuchFile):
        ort.InferenceSession(str(tmp_path / "nothing.onnx"), providers=CPU)
    with pytest.raises(state.InvalidProtobuf):
        ort.InferenceSession(b"\x01garbage garbage", providers=CPU)
    with pytest.raises(state.InvalidArgument, match="No graph was found in the protobuf"):
        ort.InferenceSession(b"", providers=CPU)
    for other in (io.BytesIO(small_models.add()), None, 3):
        with pytest.raises(TypeError, match="Unable to load from type"):
            ort.InferenceSession(other, providers=CPU)
    unknown = small_models.model([helper.make_node("Nonsense", ["x"], ["y"])], [tensor("x", FLOAT, [3])],
                             [tensor("y", FLOAT, [3])])
    with pytest.raises(state.InvalidGraph, match="Nonsense"):
        ort.InferenceSession(unknown, providers=CPU)
    undefined = small_models.model([helper.make_node("Relu", ["q"], ["y"])], [tensor("x", FLOAT, [3])],
                               [tensor("y", FLOAT, [3])])
    with pytest.raises(state.InvalidArgument, match="q"):
        ort.InferenceSession(undefined, providers=CPU)


def test_providers(ort):
    with_options = [("CPUExecutionProvider", {"arena_extend_strategy": "x"})]
    session = ort.InferenceSession(small_models.add(), providers=with_options)
    assert session.get_provider_options() == {"CPUExecutionProvider": {}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        session = ort.InferenceSession(small_models.add(), providers=["NoSuchExecutionProvider", *CPU])
    assert session.get_providers() == CPU
    assert "NoSuchExecutionProvider" in str(caught[0].message)
    assert "CPUExecutionProvider" in ort.get_available_providers() and ort.get_device() == "CPU"
    session.set_providers(CPU)
    session.disable_fallback()
    session.enable_fallback()


def test_session_options(ort):
    options = ort.SessionOptions()
    assert (options.intra_op_num_threads, options.log_severity_level, options.enable_cpu_mem_arena) == (0, -1, True)
    assert options.graph_optimization_level == ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    with pytest.raises(AttributeError, match="foo"):
        options.foo = 1
    with pytest.raises(TypeError):
        options.intra_op_num_threads = "a"
    with pytest.raises(TypeError):
        options.graph_optimization_level = 1
    options.add_session_config_entry("a", "b")
    assert options.get_session_config_entry("a") == "b"
    with pytest.raises(RuntimeError, match="does not have configuration with key: c"):
        options.get_session_config_entry("c")
    ort.InferenceSession(small_models.add(), options, CPU)
    with pytest.raises(TypeError):
        ort.InferenceSession(small_models.add(), 3)


def test_run_options(ort):
    options = ort.RunOptions()
    assert (options.terminate, options.log_severity_level, options.logid) == (False, -1, "")
    with pytest.raises(AttributeError, match="foo"):
        options.foo = 1
    options.add_run_config_entry("a", "b")
    assert options.get_run_config_entry("a") == "b"


def test_enums(ort):
    assert int(ort.GraphOptimizationLevel.ORT_ENABLE_ALL) == 99
    assert str(ort.ExecutionMode.ORT_PARALLEL) == "ExecutionMode.ORT_PARALLEL"


def test_module_functions(ort):
    ort.disable_telemetry_events()
    ort.enable_telemetry_events()
    ort.set_seed(0)
    assert ort.get_version_string() == ort.__version__
    assert isinstance(ort.get_build_info(), str)
