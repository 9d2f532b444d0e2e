"""The names that programs import from ONNX Runtime's compiled module."""
from .._enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel
from .._errors import (EngineError, EPFail, Fail, InvalidArgument, InvalidGraph, InvalidProtobuf, ModelLoadCanceled,
                       ModelLoaded, ModelRequiresCompilation, NoModel, NoSuchFile, NotFound, NotImplemented,
                       RuntimeException)
from .._options import RunOptions, SessionOptions
from .._providers import get_all_providers, get_available_providers, get_device
from .._session import InferenceSession, ModelMetadata, NodeArg, set_seed
