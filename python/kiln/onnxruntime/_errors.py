"""ONNX Runtime's exception classes, and which of them a kiln.Error becomes."""
from contextlib import contextmanager

from .._kiln import Error


class Fail(Exception): ...
class InvalidArgument(Exception): ...
class NoSuchFile(Exception): ...
class NoModel(Exception): ...
class EngineError(Exception): ...
class RuntimeException(Exception): ...
class InvalidProtobuf(Exception): ...
class NotImplemented(Exception): ...  # noqa: A001: ONNX Runtime's name
class InvalidGraph(Exception): ...
class EPFail(Exception): ...


_WHILE_LOADING = {
    "not_found": NoSuchFile, "invalid_argument": InvalidArgument, "invalid_model": InvalidGraph,
    "unsupported": NotImplemented, "invalid_data": InvalidProtobuf,
}
_WHILE_RUNNING = {"invalid_argument": InvalidArgument, "unsupported": NotImplemented, "invalid_model": InvalidGraph}


@contextmanager
def translated(*, loading: bool):
    """Raises ONNX Runtime's exceptions instead of kiln.Error."""
    try:
        yield
    except Error as error:
        if loading and "malformed" in str(error):
            raise InvalidProtobuf(str(error)) from None
        table = _WHILE_LOADING if loading else _WHILE_RUNNING
        raise table.get(error.code, Fail)(str(error)) from None
