from __future__ import annotations

from typing import Any

from .. import _kiln
from ._enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel


class _Options:
    """Fields of fixed names and types: anything else is an error, as in ONNX Runtime."""

    _fields: dict[str, Any] = {}

    def __init__(self) -> None:
        for name, default in self._fields.items():
            object.__setattr__(self, name, default)
        object.__setattr__(self, "_config", {})

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(getattr(type(self), name, None), property):
            object.__setattr__(self, name, value)
            return
        if name not in self._fields:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        expected = type(self._fields[name])
        if expected is int and hasattr(value, "__index__"):
            value = value.__index__()
        elif not isinstance(value, expected):
            raise TypeError(f"{type(self).__name__}.{name} takes {expected.__name__}, not {type(value).__name__}")
        object.__setattr__(self, name, value)

    def _get(self, key: str) -> str:
        if key not in self._config:
            raise RuntimeError(f"{type(self).__name__} does not have configuration with key: {key}")
        return self._config[key]


class SessionOptions(_Options):
    """What a session is made with. `intra_op_num_threads` sets the size of the pool that all sessions of the process
    share, unless it is 0; the other fields are kept, and change nothing."""

    _fields = {
        "enable_cpu_mem_arena": True, "enable_mem_pattern": True, "enable_mem_reuse": True, "enable_profiling": False,
        "execution_mode": ExecutionMode.ORT_SEQUENTIAL, "execution_order": ExecutionOrder.DEFAULT,
        "graph_optimization_level": GraphOptimizationLevel.ORT_ENABLE_ALL, "inter_op_num_threads": 0,
        "intra_op_num_threads": 0, "log_severity_level": -1, "log_verbosity_level": 0, "logid": "",
        "optimized_model_filepath": "", "profile_file_prefix": "onnxruntime_profile_",
        "use_deterministic_compute": False, "use_per_session_threads": True,
    }

    def add_session_config_entry(self, key: str, value: str) -> None:
        self._config[key] = value

    def get_session_config_entry(self, key: str) -> str:
        return self._get(key)


class RunOptions(_Options):
    """What a run is made with. Setting `terminate`, also from another thread, stops it."""

    _fields = {"log_severity_level": -1, "log_verbosity_level": 0, "logid": "", "only_execute_path_to_fetches": False}

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "_cancel", _kiln.CancelFlag())

    @property
    def terminate(self) -> bool:
        return bool(self._cancel)

    @terminate.setter
    def terminate(self, value: bool) -> None:
        self._cancel.set(value)

    def add_run_config_entry(self, key: str, value: str) -> None:
        self._config[key] = value

    def get_run_config_entry(self, key: str) -> str:
        return self._get(key)
