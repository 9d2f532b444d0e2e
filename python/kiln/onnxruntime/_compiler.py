"""ModelCompiler: writes the model that a session would run, as ONNX."""
from __future__ import annotations

import os
from typing import Any, Callable

from .. import _kiln
from . import _errors
from ._enums import GraphOptimizationLevel, OrtCompileApiFlags
from ._options import SessionOptions


class ModelCompiler:
    """Nothing of a model is compiled for another device than the CPU: what is written is the model, rewritten as far as
    `graph_optimization_level` says."""

    def __init__(self, sess_options: SessionOptions, input_model_path_or_bytes: str | os.PathLike | bytes,
                 embed_compiled_data_into_model: bool = False,
                 external_initializers_file_path: str | os.PathLike | None = None,
                 external_initializers_size_threshold: int = 1024, flags: int = OrtCompileApiFlags.NONE,
                 graph_optimization_level: GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
                 get_initializer_location_func: Callable[..., Any] | None = None) -> None:
        if not isinstance(input_model_path_or_bytes, (str, os.PathLike, bytes)):
            raise TypeError(f"Unable to load from type '{type(input_model_path_or_bytes)}'")
        if not input_model_path_or_bytes:
            what = "bytes array" if isinstance(input_model_path_or_bytes, bytes) else "path"
            raise ValueError(f"Input model {what} is empty")
        if external_initializers_file_path is not None or get_initializer_location_func is not None:
            raise _errors.make(_errors.NotImplemented, "Kiln writes compiled models with their initialisers inside")
        self._source = input_model_path_or_bytes
        self._flags = int(flags)
        self._rewrites = graph_optimization_level != GraphOptimizationLevel.ORT_DISABLE_ALL

    def _compiled(self) -> bytes:
        if self._flags & OrtCompileApiFlags.ERROR_IF_NO_NODES_COMPILED:
            raise _errors.make(_errors.Fail, "Unable to compile any nodes: the CPU runs them as they are")
        try:
            if not self._rewrites:
                return _kiln.Model.load(self._source).to_onnx()
            import tempfile
            settings = [("tune", "off"), ("verify", "false")]
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "model.onnx")
                _kiln.build_engine(self._source, None, settings, None).save_onnx(path)
                with open(path, "rb") as file:
                    return file.read()
        except _kiln.Error as error:
            raise _errors.from_loading(error) from None

    def compile_to_file(self, output_model_path: str | None = None) -> None:
        """Beside the input as `NAME_ctx.onnx` where no path is given."""
        if output_model_path is None:
            if isinstance(self._source, bytes):
                raise _errors.make(_errors.InvalidArgument, "a model given as bytes needs an output path")
            output_model_path = os.path.splitext(os.fspath(self._source))[0] + "_ctx.onnx"
        if not isinstance(output_model_path, (str, os.PathLike)):
            raise TypeError(f"Output model's filepath is of unexpected type '{type(output_model_path)}'")
        if self._flags & OrtCompileApiFlags.ERROR_IF_OUTPUT_FILE_EXISTS and os.path.exists(output_model_path):
            raise _errors.make(_errors.Fail, f"Output model path already exists: {os.fspath(output_model_path)}")
        compiled = self._compiled()
        with open(output_model_path, "wb") as file:
            file.write(compiled)

    def compile_to_bytes(self) -> bytes:
        return self._compiled()

    def compile_to_stream(self, write_function: Callable[[bytes], None]) -> None:
        write_function(self._compiled())

    def set_ep_context_data_write_func(self, write_func: Callable[..., Any]) -> None:
        """Accepted and not called: the CPU's models have no such data."""

    def clear_ep_context_data_write_func(self) -> None:
        """See set_ep_context_data_write_func."""
