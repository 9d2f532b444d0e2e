import threading
import time

import numpy as np
import pytest
from onnx import TensorProto

import small_models

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def session(ort):
    return ort.InferenceSession(small_models.add(), providers=["CPUExecutionProvider"])


def refused(session, kind, text, feed, names=None):
    with pytest.raises(kind) as caught:
        session.run(names, feed)
    assert text in str(caught.value)


@pytest.mark.parametrize("names", [None, [], ["z"], ("z",)])
def test_output_names(session, names):
    outputs = session.run(names, {"x": X, "y": X})
    assert len(outputs) == 1 and (outputs[0] == X + X).all()


def test_an_output_may_be_asked_for_twice(session):
    first, second = session.run(["z", "z"], {"x": X, "y": X})
    assert (first == X + X).all() and (second == X + X).all()


def test_wrong_types_are_refused(session, state):
    names = {"f8": "double", "i8": "int64", "u1": "uint8", "f2": "float16", "?": "bool", "U": "string"}
    for dtype, name in names.items():
        refused(session, state.InvalidArgument,
                f"Unexpected input data type. Actual: (tensor({name})) , expected: (tensor(float))",
                {"x": X.astype(dtype), "y": X})


def test_wrong_shapes_are_refused(session, state):
    refused(session, state.InvalidArgument, "Invalid rank for input: x Got: 1 Expected: 2", {"x": X[0], "y": X})
    refused(session, state.InvalidArgument,
            "Got invalid dimensions for input: x for the following indices\n index: 1 Got: 2 Expected: 3",
            {"x": X[:, :2], "y": X})


def test_wrong_names_are_refused(session, state):
    refused(session, ValueError, "Required inputs (['y']) are missing from input feed (['x']).", {"x": X})
    refused(session, ValueError, "Required inputs (['x', 'y']) are missing from input feed ([]).", {})
    refused(session, state.InvalidArgument, "Invalid input name: w", {"x": X, "y": X, "w": X})
    refused(session, state.InvalidArgument, "Invalid output name:q", {"x": X, "y": X}, ["q"])
    refused(session, TypeError, "", {"x": X, "y": X}, [1])
    refused(session, TypeError, "", {"x": X, "y": X}, "z")
    refused(session, AttributeError, "'NoneType' object has no attribute 'keys'", None)


def test_lists_become_the_type_expected(ort, session):
    assert (session.run(None, {"x": X.tolist(), "y": [[1, 2, 3], [4, 5, 6]]})[0] == X + [[1, 2, 3], [4, 5, 6]]).all()
    assert (session.run(None, {"x": [X[0], X[1]], "y": X})[0] == X + X).all()
    words = ort.InferenceSession(small_models.identity(TensorProto.STRING), providers=["CPUExecutionProvider"])
    assert words.run(None, {"x": ["a", "b"]})[0].tolist() == ["a", "b"]


def test_what_is_neither_array_nor_list_is_refused(session):
    refused(session, RuntimeError, "Unable to handle object of type <class 'numpy.float32'>",
            {"x": np.float32(3), "y": X})
    refused(session, RuntimeError, "Unable to handle object of type <class 'float'>", {"x": 3.0, "y": X})
    refused(session, RuntimeError, "Input must be a list of dictionaries or a single numpy array for input 'x'.",
            {"x": "abc", "y": X})
    refused(session, RuntimeError, "Could not create tensor from given input list", {"x": [[1, 2, 3], [1]], "y": X})


def test_layouts(session):
    assert (session.run(None, {"x": np.asfortranarray(X), "y": X[::-1]})[0] == X + X[::-1]).all()
    assert session.run(None, {"x": X[:0], "y": X[:0]})[0].shape == (0, 3)
    assert (session.run(None, {"x": np.asmatrix(X), "y": np.ma.array(X)})[0] == X + X).all()


def test_scalars(ort):
    session = ort.InferenceSession(small_models.identity(TensorProto.INT64, ()), providers=["CPUExecutionProvider"])
    output = session.run(None, {"x": np.array(5)})[0]
    assert output.shape == () and output == 5
    assert session.run(None, {"x": np.array([5])})[0] == 5


def test_results_can_be_written_to(ort):
    session = ort.InferenceSession(small_models.identity(TensorProto.FLOAT), providers=["CPUExecutionProvider"])
    given = np.ones(3, np.float32)
    output = session.run(None, {"x": given})[0]
    output[:] = 7
    assert given.tolist() == [1, 1, 1]
    assert session.run(None, {"x": given})[0].tolist() == [1, 1, 1]


def test_strings(ort):
    session = ort.InferenceSession(small_models.identity(TensorProto.STRING), providers=["CPUExecutionProvider"])
    for given in (np.array(["a", "b\u00e9"]), np.array(["a", "b\u00e9"], object)):
        output = session.run(None, {"x": given})[0]
        assert output.dtype == object and output.tolist() == ["a", "b\u00e9"]


def test_sequences(ort):
    session = ort.InferenceSession(small_models.sequence(), providers=["CPUExecutionProvider"])
    length, items = session.run(None, {"s": [X, X[0]]})
    assert length == 2 and [item.shape for item in items] == [(2, 3), (3,)]
    assert session.run(None, {"s": []})[1] == []
    refused(session, RuntimeError, "tensor to be added has a different data type", {"s": [X.astype("d")]})
    refused(session, RuntimeError, "CreateSequenceOfTensors: Input is not a tensor", {"s": [[1.0]]})


def test_optionals(ort):
    session = ort.InferenceSession(small_models.optional(), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": None}) == [None]
    assert session.run(None, {"x": X[0, :2]})[0].tolist() == [0, 1]


def test_maps(ort):
    session = ort.InferenceSession(small_models.zipmap(), providers=["CPUExecutionProvider"])
    assert session.get_outputs()[0].type == "seq(map(int64,tensor(float)))"
    output = session.run(None, {"p": X})[0]
    assert output == [{4: 0.0, 5: 1.0, 6: 2.0}, {4: 3.0, 5: 4.0, 6: 5.0}]
    assert {type(key) for key in output[0]} == {int} and {type(value) for value in output[0].values()} == {float}


def test_defaults(ort):
    session = ort.InferenceSession(small_models.with_default(), providers=["CPUExecutionProvider"])
    assert [node.name for node in session.get_inputs()] == ["x"]
    assert [node.name for node in session.get_overridable_initializers()] == ["w"]
    assert session.run(None, {"x": X[0]})[0].tolist() == [1, 3, 5]
    assert session.run(None, {"x": X[0], "w": X[0]})[0].tolist() == [0, 2, 4]


def test_terminate(ort, state, session):
    options = ort.RunOptions()
    options.terminate = True
    with pytest.raises(state.Fail, match="Exiting due to terminate flag being set to true"):
        session.run(None, {"x": X, "y": X}, options)


def test_terminate_from_another_thread(ort, state):
    session = ort.InferenceSession(small_models.endless_loop(), providers=["CPUExecutionProvider"])
    options = ort.RunOptions()

    def stop():
        time.sleep(0.2)
        options.terminate = True

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(state.Fail):
        session.run(None, {"go": np.array(True), "x": np.array(1, np.float32)}, options)
    thread.join()
