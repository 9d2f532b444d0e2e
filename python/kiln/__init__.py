"""Kiln runs trained networks: hand it an ONNX file, give it arrays, get arrays back.

    import kiln
    session = kiln.Session("model.onnx")
    outputs = session.run({"x": array})

    kiln.build("model.onnx").save("model.kiln")  # made for this machine once,
    session = kiln.Session("model.kiln")         # and then loaded in milliseconds
"""
from ._kiln import (CancelFlag, Engine, Error, Finding, Model, ModelInfo, Port, SessionMemory, __version__, check,
                    set_threads, threads)
from .engine import build
from .session import Session
from .sparse import SparseTensor

__all__ = [
    "CancelFlag", "Engine", "Error", "Finding", "Model", "ModelInfo", "Port", "Session", "SessionMemory",
    "SparseTensor", "__version__", "build", "check", "set_threads", "threads",
]
