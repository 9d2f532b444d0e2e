"""Kiln runs trained networks: hand it an ONNX file, give it arrays, get arrays back.

    import kiln
    session = kiln.Session("model.onnx")
    outputs = session.run({"x": array})
"""
from ._kiln import CancelFlag, Error, Model, ModelInfo, Port, __version__, set_threads, threads
from .session import Session

__all__ = [
    "CancelFlag", "Error", "Model", "ModelInfo", "Port", "Session", "__version__", "set_threads", "threads",
]
