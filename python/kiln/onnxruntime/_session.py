from __future__ import annotations

import os

from .. import _kiln
from ._enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel
from ._errors import InvalidArgument, translated
from ._providers import choose


class SessionOptions:
    def __init__(self):
        self.enable_cpu_mem_arena = True
        self.enable_mem_pattern = True
        self.enable_mem_reuse = True
        self.enable_profiling = False
        self.execution_mode = ExecutionMode.ORT_SEQUENTIAL
        self.execution_order = ExecutionOrder.DEFAULT
        self.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
        self.inter_op_num_threads = 0
        self.intra_op_num_threads = 0
        self.log_severity_level = -1
        self.log_verbosity_level = 0
        self.logid = ""
        self.optimized_model_filepath = ""
        self.profile_file_prefix = "onnxruntime_profile_"
        self.use_deterministic_compute = False
        self.use_per_session_threads = True
        self._config: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        self._config[key] = value

    def get_session_config_entry(self, key: str) -> str:
        if key not in self._config:
            raise RuntimeError(f"SessionOptions does not have configuration with key: {key}")
        return self._config[key]


class RunOptions:
    def __init__(self):
        self.log_severity_level = -1
        self.log_verbosity_level = 0
        self.logid = ""
        self.only_execute_path_to_fetches = False
        self._config: dict[str, str] = {}
        self._cancel = _kiln.CancelFlag()

    @property
    def terminate(self) -> bool:
        return bool(self._cancel)

    @terminate.setter
    def terminate(self, value: bool) -> None:
        self._cancel.set(value)

    def add_run_config_entry(self, key: str, value: str) -> None:
        self._config[key] = value

    def get_run_config_entry(self, key: str) -> str:
        if key not in self._config:
            raise RuntimeError(f"RunOptions does not have configuration with key: {key}")
        return self._config[key]


class NodeArg:
    """Name, type and shape of an input or output."""

    def __init__(self, port):
        self.name = port.name
        self.type = port.type
        self.shape = port.shape if port.shape is not None else []

    def __str__(self) -> str:
        return f"NodeArg(name='{self.name}', type='{self.type}', shape={self.shape})"

    __repr__ = __str__


class ModelMetadata:
    def __init__(self, info):
        self.custom_metadata_map = dict(info.metadata)
        self.description = info.description
        self.domain = info.domain
        self.graph_description = info.graph_description
        self.graph_name = info.graph_name
        self.producer_name = info.producer_name
        self.version = info.model_version


class InferenceSession:
    def __init__(self, path_or_bytes, sess_options=None, providers=None, provider_options=None, **kwargs):
        if isinstance(path_or_bytes, (str, os.PathLike)):
            self._model_path = os.fspath(path_or_bytes)
        elif isinstance(path_or_bytes, bytes):
            self._model_path = None
            if not path_or_bytes:
                raise InvalidArgument("the model is empty: 0 bytes were given")
        else:
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        self._sess_options = sess_options if sess_options is not None else SessionOptions()
        self._providers = choose(providers, provider_options)
        with translated(loading=True):
            self._session = _kiln.Session(path_or_bytes)
        self._inputs = [NodeArg(port) for port in self._session.inputs]
        self._required = [port.name for port in self._session.inputs if not port.optional]
        self._outputs = [NodeArg(port) for port in self._session.outputs]

    def get_inputs(self) -> list[NodeArg]:
        return list(self._inputs)

    def get_outputs(self) -> list[NodeArg]:
        return list(self._outputs)

    def get_modelmeta(self) -> ModelMetadata:
        return ModelMetadata(self._session.info)

    def get_providers(self) -> list[str]:
        return list(self._providers)

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {name: dict(options) for name, options in self._providers.items()}

    def get_session_options(self) -> SessionOptions:
        return self._sess_options

    def run(self, output_names, input_feed, run_options=None) -> list:
        missing = [name for name in self._required if name not in input_feed]
        if missing:
            raise ValueError(f"Required inputs ({missing}) are missing from input feed ({list(input_feed)}).")
        names = list(output_names) if output_names else [output.name for output in self._outputs]
        cancel = run_options._cancel if run_options is not None else None
        with translated(loading=False):
            return self._session.run(dict(input_feed), names, cancel)
