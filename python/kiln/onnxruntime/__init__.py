"""ONNX Runtime's Python API on Kiln: `import kiln.onnxruntime as onnxruntime`."""
from __future__ import annotations

from . import capi
from ._enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel
from ._options import RunOptions, SessionOptions
from ._providers import get_all_providers, get_available_providers, get_device
from ._session import InferenceSession, ModelMetadata, NodeArg, set_seed
from .. import __version__ as _kiln_version

__version__ = "1.31.1"  # the ONNX Runtime release whose interface this is


def get_version_string() -> str:
    return __version__


def get_build_info() -> str:
    return f"ORT Build Info: Kiln {_kiln_version}"


def disable_telemetry_events() -> None:
    """Kiln has none."""


def enable_telemetry_events() -> None:
    """Kiln has none."""


def set_default_logger_severity(severity: int) -> None:
    """Kiln logs nothing: what goes wrong is raised."""


def set_default_logger_verbosity(verbosity: int) -> None:
    """Kiln logs nothing: what goes wrong is raised."""


__all__ = [
    "ExecutionMode", "ExecutionOrder", "GraphOptimizationLevel", "InferenceSession", "ModelMetadata", "NodeArg",
    "RunOptions", "SessionOptions", "__version__", "capi", "disable_telemetry_events", "enable_telemetry_events",
    "get_all_providers", "get_available_providers", "get_build_info", "get_device", "get_version_string",
    "set_default_logger_severity", "set_default_logger_verbosity", "set_seed",
]
