"""ONNX Runtime's Python API on Kiln: `import kiln.onnxruntime as onnxruntime`."""
from __future__ import annotations

from ._session import InferenceSession, ModelMetadata, NodeArg, RunOptions, SessionOptions
from ._providers import get_all_providers, get_available_providers, get_device
from ._errors import (EPFail, EngineError, Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile,
                      NotImplemented, RuntimeException)
from ._enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel

__version__ = "1.31.1"  # the ONNX Runtime release whose interface this is

__all__ = [name for name in dir() if not name.startswith("_")] + ["__version__"]
