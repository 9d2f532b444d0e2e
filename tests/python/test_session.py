"""The native API: kiln.Session, Model, CancelFlag."""
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from onnx import TensorProto, helper

import kiln
import small_models

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def same(dtype, given, shape=("n",)):
    return kiln.Session(small_models.identity(dtype, shape)).run({"x": given})["y"]


def test_run_by_name():
    session = kiln.Session(small_models.add())
    assert (session.run({"x": X, "y": X})["z"] == X + X).all()
    first, second = session._session.run({"x": X, "y": X}, ["z", "z"])
    first[:] = 0
    assert (second == X + X).all()
    assert [port.name for port in session.inputs] == ["x", "y"] and session.outputs[0].shape == ["n", 3]


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bool", "int8", "int16", "int32", "int64", "uint8",
                                  "uint16", "uint32", "uint64", "complex64", "complex128"])
def test_numpy_types(name):
    dtype = np.dtype(name)
    given = np.array([0, 1, 1], dtype)
    onnx_type = helper.np_dtype_to_tensor_dtype(dtype)
    found = same(onnx_type, given)
    assert found.dtype == dtype and (found == given).all()
    assert (same(onnx_type, given[::-1]) == given[::-1]).all()
    assert (same(onnx_type, given.astype(dtype.newbyteorder(">"))) == given).all()
    assert same(onnx_type, given[:0]).shape == (0,)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
                                  "float8_e8m0fnu", "int4", "uint4", "float4_e2m1fn", "int2", "uint2"])
def test_small_types(name):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    dtype = np.dtype(getattr(ml_dtypes, name))
    given = np.array([1, 1, 0.5 if "float" in name else 0], dtype)
    found = same(helper.np_dtype_to_tensor_dtype(dtype), given)
    assert found.dtype == dtype and (found.view(np.uint8) == given.view(np.uint8)).all()


def test_layouts():
    fortran = np.asfortranarray(X)
    for given in (fortran, X[:, ::-1], X.T.copy().T, np.broadcast_to(X[0], (2, 3))):
        assert (same(TensorProto.FLOAT, given, (2, 3)) == given).all()
    frozen = X.copy()
    frozen.flags.writeable = False
    assert (same(TensorProto.FLOAT, frozen, (2, 3)) == X).all()
    assert same(TensorProto.FLOAT, np.float32(3), ()).shape == ()
    assert same(TensorProto.FLOAT, 3, ()) == 3
    unaligned = np.frombuffer(b"x" + X.tobytes(), np.uint8)[1:].view(np.float32)
    assert (same(TensorProto.FLOAT, unaligned) == X.ravel()).all()


def test_strings():
    words = ["a", "\u00e9"]
    for given in (np.array(words), np.array(words, object), np.array([word.encode() for word in words]), words):
        assert same(TensorProto.STRING, given).tolist() == words


def test_results_outlive_everything_and_are_writable():
    session = kiln.Session(small_models.model(
        [helper.make_node("Add", ["x", "x"], ["y"])], [small_models.tensor("x", small_models.FLOAT, ["n"])],
        [small_models.tensor("y", small_models.FLOAT, ["n"])]))
    given = np.ones(100_000, np.float32)
    first = session.run({"x": given})["y"]
    first[:] = 5
    second = session.run({"x": given})["y"]
    del session
    gc.collect()
    assert (first == 5).all() and (second == 2).all()
    second += 1
    assert (second == 3).all()


def test_a_weight_given_out_is_a_copy():
    weight = helper.make_tensor("w", small_models.FLOAT, [64], np.ones(64))
    session = kiln.Session(small_models.model([helper.make_node("Identity", ["w"], ["y"])], [],
                                          [small_models.tensor("y", small_models.FLOAT, [64])], initializers=[weight]))
    session.run({})["y"][:] = 7
    assert (session.run({})["y"] == 1).all()


def test_sequences_and_optionals():
    result = kiln.Session(small_models.sequence()).run({"s": (X, X[0])})
    result["t"][0][:] = 9
    assert result["n"] == 2 and X[0, 1] == 1
    assert kiln.Session(small_models.optional()).run({"x": None}) == {"y": None}


def test_maps():
    assert kiln.Session(small_models.zipmap()).run({"p": X})["z"][0] == {4: 0.0, 5: 1.0, 6: 2.0}
    kind = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.DOUBLE, []))
    node = helper.make_node("DictVectorizer", ["m"], ["v"], domain="ai.onnx.ml", string_vocabulary=["a", "b"])
    session = kiln.Session(small_models.model([node], [helper.make_value_info("m", kind)],
                                          [small_models.tensor("v", TensorProto.DOUBLE, [1, 2])],
                                          opsets=(("", 20), ("ai.onnx.ml", 1))))
    assert session.run({"m": {"b": 2}})["v"].tolist() == [[0, 2]]
    with pytest.raises(kiln.Error, match="keys of"):
        session.run({"m": {1: 2.0}})


def test_sparse_tensors():
    dense = np.array([[0, 2, 0], [3, 0, 0]], np.float32)
    sparse = kiln.SparseTensor.from_dense(dense)
    assert (sparse.to_dense() == dense).all()


def test_errors_have_codes():
    with pytest.raises(kiln.Error, match="no output 'q'") as caught:
        kiln.Session(small_models.add()).run({"x": X, "y": X}, ["q"])
    assert caught.value.code == "invalid_argument"
    with pytest.raises(kiln.Error) as caught:
        kiln.Session("/there/is/no/such.onnx")
    assert caught.value.code == "not_found"
    with pytest.raises(kiln.Error, match="set"):
        kiln.Session(small_models.add()).run({"x": {1, 2}, "y": X})


def test_cancel_from_another_thread():
    session = kiln.Session(small_models.endless_loop())
    flag = kiln.CancelFlag()
    timer = threading.Timer(0.2, flag.set)
    timer.start()
    with pytest.raises(kiln.Error) as caught:
        session.run({"go": np.array(True), "x": np.float32(1)}, cancel=flag)
    assert caught.value.code == "cancelled" and flag
    timer.join()


def test_ctrl_c_stops_a_run():
    # A shell's background jobs ignore the signal, and their children inherit that.
    program = ("import signal, sys, numpy, kiln\n"
               "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
               "sys.path.insert(0, sys.argv[1])\nimport small_models\n"
               "session = kiln.Session(small_models.endless_loop())\n"
               "print('running', flush=True)\n"
               "try: session.run({'go': numpy.array(True), 'x': numpy.float32(1)})\n"
               "except KeyboardInterrupt: print('stopped')")
    command = [sys.executable, "-c", program, os.path.dirname(__file__)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "running\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "stopped\n"


def test_the_gil_is_released():
    flag = kiln.CancelFlag()
    runner = threading.Thread(target=lambda: pytest.raises(kiln.Error, kiln.Session(small_models.endless_loop()).run,
                                                           {"go": np.array(True), "x": np.float32(1)}, cancel=flag))
    runner.start()
    time.sleep(0.1)
    begin = time.perf_counter()
    sum(range(100_000))
    assert runner.is_alive() and time.perf_counter() - begin < 5
    flag.set()
    runner.join()


def test_models():
    model = kiln.Model.load(small_models.add())
    assert kiln.Model.load(model.to_onnx()).info.graph_name == "graph"
    assert model.info.opsets == [("", 20)]
