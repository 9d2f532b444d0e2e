"""From what an InferenceSession is given to the session that runs."""
from __future__ import annotations

import hashlib
import json
import os

from .. import _kiln
from . import _cache, _errors
from ._enums import GraphOptimizationLevel
from ._options import SessionOptions

_ENGINE_MAGIC = b"KILN"


def _is_engine(source: str | os.PathLike[str] | bytes) -> bool:
    if isinstance(source, bytes):
        return False
    try:
        with open(source, "rb") as file:
            return file.read(4) == _ENGINE_MAGIC
    except OSError:
        return False


def _is_empty(source: str | os.PathLike[str] | bytes) -> bool:
    if isinstance(source, bytes):
        return not source
    return os.path.isfile(source) and not os.path.getsize(source)


def _edits(options: SessionOptions) -> dict:
    """What the options change in the model, in words that tell two such changes apart."""
    changes: dict = {}
    if options._dims or options._denoted_dims:
        changes["dims"] = [options._dims, options._denoted_dims]
    for name, value in options._initializers.items():
        array = value._get_c_value()._array()
        changes[f"initializer {name}"] = [str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).hexdigest()]
    for name, content in options._files.items():
        changes[f"file {name}"] = hashlib.sha256(content).hexdigest()
    return changes


def load_engine(source: str | os.PathLike[str] | bytes, options: SessionOptions) -> _kiln.Engine:
    """Loads an engine file, or makes the engine of a model by rules alone unless KILN_TUNE says more."""
    if _is_engine(source):
        return _kiln.Engine.load(source)
    level = options.graph_optimization_level
    settings = [("tune", os.environ.get("KILN_TUNE", "off")), ("verify", "false"),
                ("threads", str(max(options.intra_op_num_threads, 0))),
                ("rewrite", "false" if level == GraphOptimizationLevel.ORT_DISABLE_ALL else "true")]
    changes = _edits(options)

    def edit(model: _kiln.Model) -> None:
        for symbol, value in options._dims.items():
            model.set_dim(symbol, value)
        for denotation, value in options._denoted_dims.items():
            model.set_dims_denoted(denotation, value)
        for name, value in options._initializers.items():
            model.set_initializer(name, value._get_c_value()._array())

    def build() -> _kiln.Engine:
        return _kiln.build_engine(source, options._files or None, settings, None, edit if changes else None)

    key = json.dumps([settings, _kiln.threads(), changes], sort_keys=True)
    return _cache.load_or_build(source, key, build, options)


def load_session(source: str | os.PathLike[str] | bytes, options: SessionOptions,
                 seed: int) -> tuple[_kiln.Session, _kiln.Engine]:
    if _is_empty(source):
        raise _errors.make(_errors.InvalidArgument, "No graph was found in the protobuf.")
    if options._cancel_load:
        raise _errors.make(_errors.ModelLoadCanceled, "Loading was canceled by the user")
    if options.intra_op_num_threads > _kiln.threads():
        _kiln.set_threads(options.intra_op_num_threads)
    engine = load_engine(source, options)
    if options.optimized_model_filepath:
        engine.save_onnx(options.optimized_model_filepath)
    return _kiln.Session(engine, None, seed, max(options.intra_op_num_threads, 0)), engine
