from __future__ import annotations

import concurrent.futures
import functools
import os
import time
import weakref
from typing import Any, Callable, Mapping, NoReturn, Sequence

import numpy as np

from .. import _kiln
from . import _devices, _errors, _feeds, _log, _providers
from ._binding import IOBinding
from ._load import load_session
from ._options import RunOptions, SessionOptions
from ._profile import Profile
from ._values import OrtValue, OrtValueVector, from_run, to_run

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


@functools.lru_cache
def _async_threads() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1, "kiln_run_async")


class Session:
    """What InferenceSession is derived from."""


class InferenceSession(Session):
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
        self._enable_fallback = bool(kwargs.get("enable_fallback", True))
        self._provider_options = _providers.choose(providers, provider_options, self._enable_fallback)
        self._sess_options._say_what_has_no_meaning()
        self._profile = Profile(self._sess_options.profile_file_prefix) if self._sess_options.enable_profiling else None
        self._load(path_or_bytes)
        if self._profile:
            weakref.finalize(self, self._profile.write)

    def _load(self, source: str | bytes | os.PathLike) -> None:
        begin = time.perf_counter_ns()
        try:
            self._session, self._engine = load_session(source, self._sess_options, _default_seed)
        except _kiln.Error as error:
            raise _errors.from_loading(error) from None
        ports = self._session.inputs
        defaults = {port.name for port in ports if port.optional and not port.type.startswith("optional(")}
        self._inputs = [NodeArg(port) for port in ports if port.name not in defaults]
        self._overridable = [NodeArg(port) for port in ports if port.name in defaults]
        self._outputs = [NodeArg(port) for port in self._session.outputs]
        self._required = [port.name for port in ports if not port.optional]
        self._by_name = {node.name: node for node in self._inputs + self._overridable}
        took = (time.perf_counter_ns() - begin) / 1e9
        if self._profile:
            self._profile.add("Session", "session_initialization", begin, took)
        _log.say(1, f"session initialised in {took * 1e3:.1f} ms", self._sess_options)

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
        if providers:
            _providers.require_known(providers, provider_options)

    def disable_fallback(self) -> None:
        """There is one provider, and so nothing to fall back from."""
        self._enable_fallback = False

    def enable_fallback(self) -> None:
        """There is one provider, and so nothing to fall back from."""
        self._enable_fallback = True

    def get_input_memory_infos(self) -> list[_devices.OrtMemoryInfo]:
        return [_devices.cpu_memory_info() for _ in self._inputs]

    def get_output_memory_infos(self) -> list[_devices.OrtMemoryInfo]:
        return [_devices.cpu_memory_info() for _ in self._outputs]

    def get_input_epdevices(self) -> list[_devices.OrtEpDevice]:
        return [_devices.get_ep_devices()[0] for _ in self._inputs]

    def get_provider_graph_assignment_info(self) -> list[_devices.OrtEpAssignedSubgraph]:
        key = "session.record_ep_graph_assignment_info"
        if self._sess_options._config.get(key) != "1":
            raise _errors.make(_errors.Fail, f"Session configuration entry '{key}' must be set to \"1\" to retrieve "
                                             "EP graph assignment information.")
        nodes = []
        for variant in self._engine.info["variants"][-1:]:
            for step in variant["steps"]:
                nodes += [_devices.OrtEpAssignedNode(name, "", op)
                          for name, op in zip(step["nodes"], step["ops"].split("+"))]
        return [_devices.OrtEpAssignedSubgraph("CPUExecutionProvider", nodes)]

    def set_ep_dynamic_options(self, options: Mapping[str, str]) -> None:
        if not options:
            raise RuntimeError("No options were provided")

    def get_tuning_results(self) -> list[dict]:
        """What a GPU's kernels were tuned to, in ONNX Runtime; engines keep what Kiln's are."""
        return []

    def set_tuning_results(self, results: Sequence[dict], *, error_on_invalid: bool = False) -> None:
        """See get_tuning_results."""

    def release_captured_graph(self, graph_annotation_id: int = 0) -> None:
        """The CPU captures none."""

    def create_ortvalue_from_shape_and_type(self, shape: Sequence[int], element_type: Any, device_type: str,
                                            device_id: int = 0, vendor_id: int = -1) -> OrtValue:
        value = OrtValue.ortvalue_from_shape_and_type(shape, element_type, device_type, device_id, vendor_id)
        value._session = self
        return value

    def get_profiling_start_time_ns(self) -> int:
        return self._profile.start_ns if self._profile else 0

    def end_profiling(self) -> str:
        """Writes the profile and gives the file's name; "" where there is none."""
        return self._profile.write() if self._profile else ""

    def io_binding(self) -> IOBinding:
        return IOBinding(self)

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
        if self._profile or (run_options is not None and run_options._is_watched()):
            return self._run_watched(names, dict(input_feed), run_options)
        try:
            return self._session.run(input_feed if type(input_feed) is dict else dict(input_feed), names, cancel)
        except _kiln.Error as error:
            return self._explain(error, names, input_feed, cancel)

    def _run_watched(self, names: list[str], feed: dict[str, Any], run_options: RunOptions | None) -> list[Any]:
        """A run with adapters, one that is profiled, or one after which memory goes back to the system."""
        cancel = run_options._cancel if run_options is not None else None
        for adapter in run_options._adapters if run_options is not None else []:
            feed.update({name: value for name, value in adapter._arrays().items() if name in self._by_name})
        steps: list[tuple] | None = [] if self._profile else None
        begin = time.perf_counter_ns()
        try:
            results = self._session.run(feed, names, cancel, None, steps)
        except _kiln.Error as error:
            results = self._explain(error, names, feed, cancel)
        if self._profile and steps is not None:
            self._profile.add_run(begin, steps, {
                "input_type_shape": _type_shapes(feed.values()), "output_type_shape": _type_shapes(results)})
        if run_options is not None and run_options._gives_memory_back():
            self._session.trim()
        return results

    def run_async(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any],
                  callback: Callable[[list[Any], Any, str], None], user_data: Any,
                  run_options: RunOptions | None = None) -> None:
        """Runs on another thread, and then calls callback(results, user_data, error) there; error is "" or a text."""
        def work() -> None:
            try:
                results, error = self.run(output_names, input_feed, run_options), ""
            except Exception as raised:  # noqa: BLE001: whatever went wrong is told to the callback
                results, error = [], str(raised)
            callback(results, user_data, error)

        _async_threads().submit(work).add_done_callback(_report)

    def run_with_ort_values(self, output_names: Sequence[str] | None, input_dict_ort_values: Mapping[str, OrtValue],
                            run_options: RunOptions | None = None) -> list[OrtValue]:
        names = list(output_names) if output_names else [node.name for node in self._outputs]
        feed = {name: to_run(value._get_c_value().content) for name, value in input_dict_ort_values.items()}
        types = {node.name: node.type for node in self._outputs}
        results = self.run(names, feed, run_options)
        return [OrtValue(from_run(result, types[name])) for name, result in zip(names, results)]

    def run_with_ortvaluevector(self, run_options: RunOptions | None, feed_names: Sequence[str], feeds: OrtValueVector,
                                fetch_names: Sequence[str], fetches: OrtValueVector,
                                fetch_devices: Sequence[Any]) -> None:
        """Puts the results into `fetches`."""
        feed = {name: OrtValue(value) for name, value in zip(feed_names, feeds)}
        results = self.run_with_ort_values(fetch_names, feed, run_options)
        fetches[:] = [result._get_c_value() for result in results]

    def run_with_iobinding(self, iobinding: IOBinding, run_options: RunOptions | None = None) -> None:
        bound = iobinding._iobinding
        if bound._session is not self:
            raise ValueError("IOBinding must be used with the session that created it.")
        if not bound.names:
            raise RuntimeError("Error in execution: At least one output should be requested.")
        if self._profile or (run_options is not None and run_options._is_watched()):
            bound.results = self._put(bound, self._run_watched(bound.names, dict(bound.feed), run_options))
            return
        cancel = run_options._cancel if run_options is not None else None
        try:
            bound.results = self._session.run(bound.feed, bound.names, cancel, bound.into)
        except _kiln.Error as error:
            if "does not fit the memory given for it" in str(error):
                raise RuntimeError(f"Error in execution: Got invalid dimensions for output: {error}") from None
            try:
                bound.results = self._put(bound, self._explain(error, bound.names, bound.feed, cancel))
            except (_errors.Fail, _errors.InvalidArgument) as told:
                raise RuntimeError(f"Error in execution: {told}") from None

    @staticmethod
    def _put(bound: Any, results: list[Any]) -> list[Any]:
        for index, buffer in enumerate(bound.into or []):
            if buffer is not None:
                np.copyto(buffer, results[index], casting="no")
                results[index] = buffer
        return results

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


def _type_shapes(values: Any) -> list[dict[str, list[int]]]:
    return [{_feeds.onnx_type(value.dtype)[len("tensor("):-1]: list(value.shape)}
            for value in values if isinstance(value, np.ndarray)]


def _report(future: concurrent.futures.Future) -> None:
    """A callback that fails has nobody else to tell."""
    error = future.exception()
    if error is not None:
        _log.say(3, f"the callback of run_async raised {type(error).__name__}: {error}")
