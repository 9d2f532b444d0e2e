"""What ONNX Runtime's documentation shows in Python, written as tests of its behaviour, on both modules."""
import json
import logging
import threading

import numpy as np
import pytest
from onnx import TensorProto, helper

import small_models
from small_models import FLOAT, deep, tensor

CPU = ["CPUExecutionProvider"]
X = np.arange(6, dtype=np.float32).reshape(2, 3)


def classifier() -> bytes:
    """A logistic regression as skl2onnx writes it."""
    nodes = [
        helper.make_node("LinearClassifier", ["X"], ["label", "scores"], domain="ai.onnx.ml", name="linear",
                         classlabels_ints=[0, 1], coefficients=[0.5, -1.0, 0.25, -0.5, 1.0, -0.25],
                         intercepts=[0.1, -0.1], post_transform="LOGISTIC"),
        helper.make_node("Normalizer", ["scores"], ["chances"], domain="ai.onnx.ml", norm="L1"),
        helper.make_node("ZipMap", ["chances"], ["output_probability"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
        helper.make_node("Identity", ["label"], ["output_label"]),
    ]
    kind = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(FLOAT, None)))
    outputs = [tensor("output_label", TensorProto.INT64, [None]), helper.make_value_info("output_probability", kind)]
    return small_models.model(nodes, [tensor("X", FLOAT, [None, 3])], outputs,
                              opsets=(("", 15), ("ai.onnx.ml", 1)), producer_name="skl2onnx")


def test_load_and_predict(ort):
    session = ort.InferenceSession(classifier(), providers=CPU)
    (given,) = session.get_inputs()
    assert (given.name, given.type, given.shape) == ("X", "tensor(float)", [None, 3])
    assert [(node.name, node.type) for node in session.get_outputs()] == [
        ("output_label", "tensor(int64)"), ("output_probability", "seq(map(int64,tensor(float)))")]
    labels, chances = session.run(None, {given.name: X})
    assert labels.dtype == np.int64 and labels.shape == (2,)
    assert isinstance(chances, list) and [list(each) for each in chances] == [[0, 1], [0, 1]]
    assert all(abs(sum(each.values()) - 1) < 1e-6 for each in chances)
    assert (session.run(["output_label"], {given.name: X})[0] == labels).all()


def test_metadata(ort):
    meta = ort.InferenceSession(classifier(), providers=CPU).get_modelmeta()
    assert (meta.producer_name, meta.graph_name, meta.custom_metadata_map) == ("skl2onnx", "graph", {})
    for name in ("description", "domain", "graph_description", "version"):
        assert hasattr(meta, name)


def test_profiling(ort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = "mine"
    session = ort.InferenceSession(small_models.add(), options, CPU)
    assert session.get_profiling_start_time_ns() > 0
    for _ in range(3):
        session.run(None, {"x": X, "y": X})
    name = session.end_profiling()
    assert name.startswith("mine_") and name.endswith(".json")
    events = json.loads((tmp_path / name).read_text())
    nodes = [event for event in events if event["cat"] == "Node" and event["name"].endswith("_kernel_time")]
    assert len(nodes) == 3
    for event in events:
        assert {"cat", "pid", "tid", "dur", "ts", "ph", "name", "args"} <= set(event) and event["ph"] == "X"
    assert nodes[0]["args"]["op_name"] == "Add" and nodes[0]["args"]["provider"] == "CPUExecutionProvider"
    assert nodes[0]["args"]["output_type_shape"] == [{"float": [2, 3]}]
    assert sum(event["name"] == "model_run" for event in events) == 3
    assert {"session_initialization"} <= {event["name"] for event in events}


def test_no_profiling(ort):
    session = ort.InferenceSession(small_models.add(), providers=CPU)
    assert (session.get_profiling_start_time_ns(), session.end_profiling()) == (0, "")


def test_run_async(ort):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 2
    session = ort.InferenceSession(small_models.add(), options, CPU)
    done = threading.Event()
    told = []

    def callback(results, user_data, error):
        told.append((results, user_data, error))
        done.set()

    for names in (None, ["q"]):
        done.clear()
        session.run_async(names, {"x": X, "y": X}, callback, "mine")
        assert done.wait(10)
    (results, data, error), (nothing, _, failure) = told
    assert (results[0] == X + X).all() and (data, error) == ("mine", "")
    assert nothing == [] and "Invalid output name" in failure


def test_io_binding(ort):
    session = ort.InferenceSession(small_models.add(), providers=CPU)
    binding = session.io_binding()
    value = ort.OrtValue.ortvalue_from_numpy(X, "cpu", 0)
    for name in ("x", "y"):
        binding.bind_input(name=name, device_type=value.device_name(), device_id=0, element_type=np.float32,
                           shape=value.shape(), buffer_ptr=value.data_ptr())
    result = ort.OrtValue.ortvalue_from_shape_and_type([2, 3], np.float32, "cpu", 0)
    binding.bind_output(name="z", device_type=result.device_name(), device_id=0, element_type=np.float32,
                        shape=result.shape(), buffer_ptr=result.data_ptr())
    session.run_with_iobinding(binding)
    assert (result.numpy() == X + X).all()


def test_logging(ort, capfd):
    quiet, loud = ort.SessionOptions(), ort.SessionOptions()
    loud.log_severity_level = 0
    loud.logid = "mine"
    loud.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    ort.InferenceSession(small_models.add(), quiet, CPU)
    before = capfd.readouterr().err
    handlers = logging.getLogger().handlers[:]
    logging.getLogger().handlers[:] = []  # those of pytest
    try:
        ort.InferenceSession(small_models.add(), loud, CPU)
    finally:
        logging.getLogger().handlers[:] = handlers
    assert before == "" and ":mine," in capfd.readouterr().err
    ort.set_default_logger_severity(3)
    ort.set_default_logger_severity(2)
    with pytest.raises(RuntimeError):
        ort.set_default_logger_severity(9)


def test_free_dimensions(ort, state):
    options = ort.SessionOptions()
    options.add_free_dimension_override_by_name("n", 4)
    session = ort.InferenceSession(small_models.add(), options, CPU)
    assert session.get_inputs()[0].shape == [4, 3] and session.get_outputs()[0].shape == [4, 3]
    with pytest.raises(state.InvalidArgument, match="index: 0 Got: 2 Expected: 4"):
        session.run(None, {"x": X, "y": X})
    four = np.concatenate([X, X])
    assert (session.run(None, {"x": four, "y": four})[0] == four + four).all()


def test_an_initializer_of_ones_own(ort):
    options = ort.SessionOptions()
    own = ort.OrtValue.ortvalue_from_numpy(np.full(3, 9, np.float32))
    options.add_initializer("w", own)
    with pytest.raises(RuntimeError):
        options.add_initializer("w", np.ones(3))
    session = ort.InferenceSession(small_models.with_default(), options, CPU)
    assert session.run(None, {"x": np.zeros(3, np.float32)})[0].tolist() == [9, 9, 9]


def test_the_optimized_model(ort, tmp_path):
    path = tmp_path / "optimized.onnx"
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(path)
    ort.InferenceSession(deep(3), options, CPU)
    x = np.ones((2, 256), np.float32)
    found = ort.InferenceSession(str(path), providers=CPU).run(None, {"v0": x})[0]
    assert np.allclose(found, ort.InferenceSession(deep(3), providers=CPU).run(None, {"v0": x})[0])


def test_without_optimizations(ort):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    x = np.ones((2, 256), np.float32)
    found = ort.InferenceSession(deep(3), options, CPU).run(None, {"v0": x})[0]
    assert np.allclose(found, ort.InferenceSession(deep(3), providers=CPU).run(None, {"v0": x})[0], atol=1e-5)


def test_cancelled_loads(ort, state):
    options = ort.SessionOptions()
    options.set_load_cancellation_flag(True)
    with pytest.raises(state.ModelLoadCanceled):
        ort.InferenceSession(small_models.add(), options, CPU)


def test_adapters(ort, tmp_path):
    adapter = ort.AdapterFormat()
    adapter.set_adapter_version(2)
    adapter.set_model_version(3)
    adapter.set_parameters({"w": ort.OrtValue.ortvalue_from_numpy(np.full(3, 5, np.float32))})
    path = str(tmp_path / "mine.onnx_adapter")
    adapter.export_adapter(path)
    again = ort.AdapterFormat.read_adapter(path)
    assert (again.get_format_version(), again.get_adapter_version(), again.get_model_version()) == (1, 2, 3)
    assert again.get_parameters()["w"].numpy().tolist() == [5, 5, 5]
    lora = ort.LoraAdapter()
    lora.Load(path)
    options = ort.RunOptions()
    options.add_active_adapter(lora)
    session = ort.InferenceSession(small_models.with_default(), providers=CPU)
    feed = {"x": np.zeros(3, np.float32)}
    assert session.run(None, feed, options)[0].tolist() == [5, 5, 5]
    assert session.run(None, feed)[0].tolist() == [1, 2, 3]


def test_adapters_are_read_by_the_other(tmp_path):
    theirs = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    import kiln.onnxruntime as ours
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([7], np.int64)}
    for writer, reader in ((ours, theirs), (theirs, ours)):
        adapter = writer.AdapterFormat()
        adapter.set_parameters({name: writer.OrtValue.ortvalue_from_numpy(array) for name, array in arrays.items()})
        path = str(tmp_path / writer.__name__)
        adapter.export_adapter(path)
        found = reader.AdapterFormat.read_adapter(path).get_parameters()
        assert {name: value.numpy().tolist() for name, value in found.items()} == {
            name: array.tolist() for name, array in arrays.items()}


def test_compiled_models(ort, tmp_path):
    compiler = ort.ModelCompiler(ort.SessionOptions(), small_models.add())
    compiled = compiler.compile_to_bytes()
    assert (ort.InferenceSession(compiled, providers=CPU).run(None, {"x": X, "y": X})[0] == X + X).all()
    compiler.compile_to_file(str(tmp_path / "compiled.onnx"))
    assert (tmp_path / "compiled.onnx").exists()
    with pytest.raises(ValueError):
        ort.ModelCompiler(ort.SessionOptions(), b"")
    with pytest.raises(TypeError):
        ort.ModelCompiler(ort.SessionOptions(), 3)


def test_unknown_providers(ort, capsys):
    with pytest.warns(UserWarning, match="FooEP"):
        session = ort.InferenceSession(small_models.add(), providers=["FooEP"])
    assert session.get_providers() == CPU and "EP Error" in capsys.readouterr().out
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        assert ort.InferenceSession(small_models.add(), providers=["CUDAExecutionProvider"]).get_providers() == CPU
    options = ort.SessionOptions()
    with pytest.raises(RuntimeError, match="Unknown Provider Type: Foo"):
        options.add_provider("Foo", {})
    options.add_provider("CPUExecutionProvider", {})
    assert options.has_providers() and not ort.SessionOptions().has_providers()


def test_terminate(ort, state):
    session = ort.InferenceSession(deep(400, 512), providers=CPU)
    options = ort.RunOptions()
    timer = threading.Timer(0.3, setattr, (options, "terminate", True))
    timer.start()
    with pytest.raises(state.Fail, match="terminate flag"):
        session.run(None, {"v0": np.ones((2048, 512), np.float32)}, options)
    timer.join()
