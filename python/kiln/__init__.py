"""Kiln runs trained networks: hand it an ONNX file, give it arrays, get arrays back.

    import kiln
    session = kiln.Session("model.onnx")
    outputs = session.run({"x": array})
"""
from ._kiln import CancelFlag, Error, Finding, Model, ModelInfo, Port, __version__, check, set_threads, threads
from .session import Session
from .sparse import SparseTensor

__all__ = [
    "CancelFlag", "Error", "Finding", "Model", "ModelInfo", "Port", "Session", "SparseTensor", "__version__", "check",
    "set_threads", "threads",
]
