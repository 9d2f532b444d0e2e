"""ONNX Runtime's exception classes, and which of them a kiln.Error becomes."""
from __future__ import annotations

from .._kiln import Error


class Fail(Exception): ...
class InvalidArgument(Exception): ...
class NoSuchFile(Exception): ...
class NoModel(Exception): ...
class EngineError(Exception): ...
class RuntimeException(Exception): ...
class InvalidProtobuf(Exception): ...
class ModelLoaded(Exception): ...
class NotImplemented(Exception): ...  # noqa: A001: ONNX Runtime's name
class InvalidGraph(Exception): ...
class EPFail(Exception): ...
class ModelLoadCanceled(Exception): ...
class ModelRequiresCompilation(Exception): ...
class NotFound(Exception): ...
class DeviceReset(Exception): ...


_STATUS = {
    Fail: "1 : FAIL", InvalidArgument: "2 : INVALID_ARGUMENT", NoSuchFile: "3 : NO_SUCHFILE", NoModel: "4 : NO_MODEL",
    EngineError: "5 : ENGINE_ERROR", RuntimeException: "6 : RUNTIME_EXCEPTION",
    InvalidProtobuf: "7 : INVALID_PROTOBUF", ModelLoaded: "8 : MODEL_LOADED", NotImplemented: "9 : NOT_IMPLEMENTED",
    InvalidGraph: "10 : INVALID_GRAPH", EPFail: "11 : EP_FAIL", ModelLoadCanceled: "12 : MODEL_LOAD_CANCELED",
    ModelRequiresCompilation: "13 : MODEL_REQUIRES_COMPILATION", NotFound: "14 : NOT_FOUND",
    DeviceReset: "15 : DEVICE_RESET",
}
_WHILE_LOADING = {
    "not_found": NoSuchFile, "io": InvalidProtobuf, "invalid_model": InvalidGraph, "invalid_data": InvalidProtobuf,
    "invalid_argument": InvalidArgument, "unsupported": NotImplemented,
}
_WHILE_RUNNING = {
    "invalid_argument": InvalidArgument, "invalid_data": InvalidArgument, "invalid_model": InvalidGraph,
    "unsupported": NotImplemented, "out_of_memory": RuntimeException, "limit_exceeded": RuntimeException,
}
# What says that the bytes are no model at all, and that the model uses an operator that does not exist.
_NO_MODEL = ("damaged, or no ONNX model", "the model has no graph")
_NO_OPERATOR = ("has no operator", "imports no opset", "does not have it yet")


def make(kind: type[Exception], message: str) -> Exception:
    """An exception with its text the way ONNX Runtime begins it."""
    return kind(f"[ONNXRuntimeError] : {_STATUS[kind]} : {message}")


def from_loading(error: Error) -> Exception:
    text = str(error)
    if error.code == "invalid_model" and any(sign in text for sign in _NO_MODEL):
        return make(InvalidProtobuf, f"Failed to load model because protobuf parsing failed: {text}")
    if error.code == "invalid_model" and "which nothing defines" in text:
        return make(InvalidArgument, f"Invalid model. {text}")
    if error.code == "unsupported" and any(sign in text for sign in _NO_OPERATOR):
        return make(InvalidGraph, f"This is an invalid model. {text}")
    return make(_WHILE_LOADING.get(error.code, Fail), text)


def from_running(error: Error) -> Exception:
    if error.code == "cancelled":
        return make(Fail, "Exiting due to terminate flag being set to true.")
    return make(_WHILE_RUNNING.get(error.code, Fail), str(error))
