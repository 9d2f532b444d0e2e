"""The functions of the module itself."""
from __future__ import annotations

import platform
from typing import Any

from .. import __version__ as _kiln_version
from .. import _kiln
from . import _errors

version = "1.31.1"  # of the ONNX Runtime whose interface this is
package_name, cuda_version = "onnxruntime", ""
__version__ = version


def get_version_string() -> str:
    return __version__


def get_build_info() -> str:
    return f"ORT Build Info: Kiln {_kiln_version}"


def disable_telemetry_events() -> None:
    """Kiln has none."""


def enable_telemetry_events() -> None:
    """Kiln has none."""


def has_collective_ops() -> bool:
    return False


def set_global_thread_pool_sizes(intra_op_num_threads: int = 0, inter_op_num_threads: int = 0) -> None:
    """The first is the size of the pool that all sessions share; nodes run one after another."""
    _kiln.set_threads(intra_op_num_threads)


def preload_dlls(cuda: bool = True, cudnn: bool = True, msvc: bool = True, directory: Any = None) -> None:
    """There is nothing to load for the CPU."""


def print_debug_info() -> None:
    print(f"onnxruntime interface: {__version__}, Kiln: {_kiln_version} at {_kiln.__file__}")
    print(f"platform: {platform.platform()}, threads: {_kiln.threads()}")


def register_execution_provider_library(registration_name: str, library_path: str) -> None:
    raise _errors.make(_errors.Fail, f"Failed to load library {library_path}: Kiln takes no execution providers")


def unregister_execution_provider_library(registration_name: str) -> None:
    raise _errors.make(_errors.Fail, f"Execution provider library: {registration_name} was not registered.")
