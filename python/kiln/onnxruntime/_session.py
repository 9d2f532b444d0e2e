from __future__ import annotations

import os
from typing import Any, Mapping, NoReturn, Sequence

import numpy as np

from .. import _kiln
from . import _errors, _feeds, _providers
from ._options import RunOptions, SessionOptions

_default_seed = 0


def set_seed(seed: int) -> None:
    """For the random operators of all sessions made from now on."""
    global _default_seed
    _default_seed = seed


class NodeArg:
    """Name, type and shape of an input or output."""

    def __init__(self, port: _kiln.Port) -> None:
        self.name = port.name
        self.type = port.type
        self.shape = port.shape or []
        self._is_scalar = port.shape == []

    def __str__(self) -> str:
        return f"NodeArg(name='{self.name}', type='{self.type}', shape={self.shape})"


class ModelMetadata:
    def __init__(self, info: _kiln.ModelInfo) -> None:
        self.custom_metadata_map = dict(info.metadata)
        self.description = info.description
        self.domain = info.domain
        self.graph_description = info.graph_description
        self.graph_name = info.graph_name
        self.producer_name = info.producer_name
        self.version = info.model_version or 2**63 - 1  # ONNX Runtime's number for a model that states none


class InferenceSession:
    def __init__(self, path_or_bytes: str | bytes | os.PathLike, sess_options: SessionOptions | None = None,
                 providers: Sequence[str | tuple[str, dict]] | None = None,
                 provider_options: Sequence[dict] | None = None, **kwargs: Any) -> None:
        if isinstance(path_or_bytes, (str, os.PathLike)):
            self._model_path: str | None = os.fspath(path_or_bytes)
        elif isinstance(path_or_bytes, bytes):
            self._model_path = None
        else:
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        if sess_options is not None and not isinstance(sess_options, SessionOptions):
            raise TypeError(f"sess_options must be SessionOptions, not {type(sess_options)}")
        self._sess_options = sess_options if sess_options is not None else SessionOptions()
        self._provider_options = _providers.choose(providers, provider_options)
        if self._sess_options.intra_op_num_threads > 0:
            _kiln.set_threads(self._sess_options.intra_op_num_threads)
        self._load(path_or_bytes)

    def _load(self, source: str | bytes | os.PathLike) -> None:
        is_empty = not source if isinstance(source, bytes) else os.path.isfile(source) and not os.path.getsize(source)
        if is_empty:
            raise _errors.make(_errors.InvalidArgument, "No graph was found in the protobuf.")
        try:
            self._session = _kiln.Session(source, None, _default_seed)
        except _kiln.Error as error:
            raise _errors.from_loading(error) from None
        ports = self._session.inputs
        defaults = {port.name for port in ports if port.optional and not port.type.startswith("optional(")}
        self._inputs = [NodeArg(port) for port in ports if port.name not in defaults]
        self._overridable = [NodeArg(port) for port in ports if port.name in defaults]
        self._outputs = [NodeArg(port) for port in self._session.outputs]
        self._required = [port.name for port in ports if not port.optional]
        self._by_name = {node.name: node for node in self._inputs + self._overridable}

    def get_inputs(self) -> list[NodeArg]:
        return list(self._inputs)

    def get_outputs(self) -> list[NodeArg]:
        return list(self._outputs)

    def get_overridable_initializers(self) -> list[NodeArg]:
        return list(self._overridable)

    def get_modelmeta(self) -> ModelMetadata:
        return ModelMetadata(self._session.info)

    def get_session_options(self) -> SessionOptions:
        return self._sess_options

    def get_providers(self) -> list[str]:
        return list(self._provider_options)

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        return {name: dict(options) for name, options in self._provider_options.items()}

    def set_providers(self, providers: Sequence[str | tuple[str, dict]] | None = None,
                      provider_options: Sequence[dict] | None = None) -> None:
        self._provider_options = _providers.choose(providers, provider_options)

    def disable_fallback(self) -> None:
        """There is one provider, and so nothing to fall back from."""

    def enable_fallback(self) -> None:
        """There is one provider, and so nothing to fall back from."""

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any],
            run_options: RunOptions | None = None) -> list[Any]:
        given = input_feed.keys()
        for name in self._required:
            if name not in given:
                missing = [required for required in self._required if required not in given]
                raise ValueError(f"Required inputs ({missing}) are missing from input feed ({list(given)}).")
        for value in input_feed.values():
            if type(value) is not np.ndarray:
                input_feed = {name: _feeds.adapt(self._by_name.get(name), value) for name, value in input_feed.items()}
                break
        if isinstance(output_names, str):
            raise TypeError("run(): output_names must be a sequence of names, not a string")
        names = list(output_names) if output_names else []
        cancel = run_options._cancel if run_options is not None else None
        try:
            return self._session.run(input_feed if type(input_feed) is dict else dict(input_feed), names, cancel)
        except _kiln.Error as error:
            return self._explain(error, names, input_feed, cancel)

    def _explain(self, error: _kiln.Error, names: list[str], feed: Mapping[str, Any], cancel) -> list[Any] | NoReturn:
        """Raises what ONNX Runtime would for inputs and names that do not fit the model, else what `error` says."""
        known = {node.name for node in self._outputs}
        for name in feed:
            if name not in self._by_name:
                raise _errors.make(_errors.InvalidArgument, f"Invalid input name: {name}") from None
        for name in names:
            if name not in known:
                raise _errors.make(_errors.InvalidArgument, f"Invalid output name:{name}") from None
        fitted = _feeds.fit_scalars(self._by_name, feed)
        if fitted:
            return self.run(names, {**feed, **fitted})
        for name, value in feed.items():
            _feeds.check(self._by_name[name], value)
        raise _errors.from_running(error) from None
