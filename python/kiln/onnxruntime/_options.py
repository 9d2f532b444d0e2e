"""SessionOptions and RunOptions."""
from __future__ import annotations

from typing import Any, Callable, Mapping, Sequence

from .. import _kiln
from . import _errors, _log, _providers
from ._devices import OrtEpDevice
from ._enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel, OrtExecutionProviderDevicePolicy
from ._values import OrtValue


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
    """What a session is made with. These act: `intra_op_num_threads`, `graph_optimization_level` (disabled: only what
    Kiln needs is rewritten), `optimized_model_filepath`, `enable_profiling` and `profile_file_prefix`, the logging
    fields, free dimensions, initialisers. The others are kept, and change nothing: a session says so once at the
    verbose level."""

    _fields = {
        "enable_cpu_mem_arena": True, "enable_mem_pattern": True, "enable_mem_reuse": True, "enable_profiling": False,
        "execution_mode": ExecutionMode.ORT_SEQUENTIAL, "execution_order": ExecutionOrder.DEFAULT,
        "graph_optimization_level": GraphOptimizationLevel.ORT_ENABLE_ALL, "inter_op_num_threads": 0,
        "intra_op_num_threads": 0, "log_severity_level": -1, "log_verbosity_level": 0, "logid": "",
        "optimized_model_filepath": "", "profile_file_prefix": "onnxruntime_profile_",
        "use_deterministic_compute": False, "use_per_session_threads": True,
    }
    _no_meaning = {
        "enable_cpu_mem_arena": "memory that is idle for some time is given back anyhow",
        "enable_mem_pattern": "a session's memory is planned",
        "enable_mem_reuse": "a session's memory is planned", "execution_mode": "nodes run one after another",
        "execution_order": "nodes run in the order that the engine says",
        "inter_op_num_threads": "nodes run one after another", "use_deterministic_compute": "results do not vary",
        "use_per_session_threads": "all sessions of a process share one pool of threads",
    }

    def __init__(self) -> None:
        super().__init__()
        state = {"_dims": {}, "_denoted_dims": {}, "_initializers": {}, "_files": {}, "_providers": [],
                 "_policy": None, "_cancel_load": False}
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def _say_what_has_no_meaning(self) -> None:
        for name, why in self._no_meaning.items():
            if getattr(self, name) != self._fields[name]:
                _log.say_once(0, f"SessionOptions.{name} changes nothing: {why}", self)
        for key in self._config:
            _log.say_once(0, f"the session configuration entry '{key}' changes nothing", self)

    def add_session_config_entry(self, key: str, value: str) -> None:
        self._config[key] = value

    def get_session_config_entry(self, key: str) -> str:
        return self._get(key)

    def add_free_dimension_override_by_name(self, name: str, value: int) -> None:
        """The dim of this name is this number in the session."""
        self._dims[name] = int(value)

    def add_free_dimension_override_by_denotation(self, denotation: str, value: int) -> None:
        self._denoted_dims[denotation] = int(value)

    def add_initializer(self, name: str, value: OrtValue) -> None:
        """The session takes this tensor in the place of the model's initialiser."""
        if not isinstance(value, OrtValue):
            raise RuntimeError("The provided Python object must be an OrtValue")
        self._initializers[name] = value

    def add_external_initializers(self, names: list, values: list) -> None:
        if len(names) != len(values):
            raise RuntimeError("Expecting names and ort_values lists to have equal length")
        for name, value in zip(names, values):
            self.add_initializer(name, value)

    def add_external_initializers_from_files_in_memory(self, names: Sequence[str], buffers: Sequence[bytes],
                                                       lengths: Sequence[int]) -> None:
        """The files that hold the model's external data, as bytes."""
        if not len(names) == len(buffers) == len(lengths):
            raise RuntimeError("Expecting names, buffers and lengths to have equal length")
        for name, buffer, length in zip(names, buffers, lengths):
            self._files[name] = bytes(memoryview(buffer)[:length])

    def register_custom_ops_library(self, path: str) -> None:
        """A library of operators made with kiln/plugin.h; those made for ONNX Runtime's own C interface are refused."""
        try:
            _kiln.load_plugin(path)
        except _kiln.Error as error:
            raise _errors.make(_errors.Fail, f"Failed to load library {path} with error: {error}") from None

    def add_provider(self, name: str, options: Mapping[str, str]) -> None:
        if name not in _providers.get_available_providers():
            raise RuntimeError(f"Unknown Provider Type: {name}")
        self._providers.append((name, dict(options)))

    def add_provider_for_devices(self, devices: Sequence[OrtEpDevice], options: Mapping[str, str]) -> None:
        if not devices:
            raise _errors.make(_errors.InvalidArgument, "at least one OrtEpDevice is needed")
        for device in devices:
            self._providers.append((device.ep_name, dict(options)))

    def has_providers(self) -> bool:
        return bool(self._providers) or self._policy is not None

    def set_provider_selection_policy(self, policy: OrtExecutionProviderDevicePolicy) -> None:
        object.__setattr__(self, "_policy", policy)

    def set_provider_selection_policy_delegate(self, delegate: Callable[..., Any]) -> None:
        object.__setattr__(self, "_policy", delegate)

    def set_load_cancellation_flag(self, flag: bool) -> None:
        object.__setattr__(self, "_cancel_load", bool(flag))

    def set_ep_context_data_read_func(self, read_func: Callable[..., Any], max_data_size: int) -> None:
        """Accepted and not called: the CPU's models have no such data."""

    def clear_ep_context_data_read_func(self) -> None:
        """See set_ep_context_data_read_func."""


class RunOptions(_Options):
    """What a run is made with. Setting `terminate`, also from another thread, stops it. The entry
    `memory.enable_memory_arena_shrinkage` gives memory back to the system after the run where it names the CPU."""

    _fields = {"log_severity_level": -1, "log_verbosity_level": 0, "logid": "", "only_execute_path_to_fetches": False}

    def __init__(self) -> None:
        super().__init__()
        object.__setattr__(self, "_cancel", _kiln.CancelFlag())
        object.__setattr__(self, "_adapters", [])

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

    def _gives_memory_back(self) -> bool:
        return "cpu" in self._config.get("memory.enable_memory_arena_shrinkage", "")

    def _is_watched(self) -> bool:
        return bool(self._adapters) or self._gives_memory_back()

    def add_active_adapter(self, adapter: Any) -> None:
        """Gives the run the parameters of a LoraAdapter, for the inputs that the model has defaults for."""
        self._adapters.append(adapter)
