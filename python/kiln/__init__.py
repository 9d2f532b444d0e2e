"""Kiln runs trained networks: hand it an ONNX file, give it arrays, get arrays back.

    import kiln
    session = kiln.Session("model.onnx")
    outputs = session.run({"x": array})

    kiln.build("model.onnx").save("model.kiln")  # made for this machine once,
    session = kiln.Session("model.kiln")         # and then loaded in milliseconds

What Kiln tells goes to Python's `logging`, to the logger "kiln".
"""
import logging as _logging

from ._kiln import (CancelFlag, Engine, Error, Finding, Model, ModelInfo, Port, SessionMemory, __version__, check,
                    set_threads, threads)
from ._kiln import array_from_dlpack as from_dlpack
from ._kiln import dlpack_from_array as to_dlpack
from .asynchronous import RunFuture
from .builder import GraphBuilder, Turn, Var
from .custom_ops import TensorType, custom_op, get_include, load_plugin, register_op
from .engine import build
from .session import Session
from .sparse import SparseTensor
from .weights import load_weights

_logging.getLogger("kiln").addHandler(_logging.NullHandler())

__all__ = [
    "CancelFlag", "Engine", "Error", "Finding", "GraphBuilder", "Model", "ModelInfo", "Port", "RunFuture", "Session",
    "SessionMemory", "SparseTensor", "TensorType", "Turn", "Var", "__version__", "build", "check", "custom_op",
    "from_dlpack", "get_include", "load_plugin", "load_weights", "register_op", "set_threads", "threads", "to_dlpack",
]
