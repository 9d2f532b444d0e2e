"""The native session: names in, names out."""
from __future__ import annotations

import html
import logging
import os
import time
from typing import Any, Iterable, Iterator, Mapping, Sequence

import numpy as np

from . import _kiln
from .asynchronous import RunFuture, submit
from .batches import run_in_batches
from .builder import GraphBuilder
from .engine import name_of
from .errors import error_of

_log = logging.getLogger("kiln")


class Session:
    """A model that is ready to run.

    `source` is the path of an ONNX model or of an engine, the bytes of a model, a Model, a GraphBuilder or an Engine;
    `external_folder` is where a model given as bytes keeps its external data. `threads` is how many a run takes at
    most; 0 takes those of the process. `seed` is for random operators without a seed of their own; 0 takes a new one.
    `max_memory` is the most bytes that a run may take: the memory that it works in, kept plans and its outputs, not its
    inputs and weights. What needs more is done in a way that takes less, or refused before it starts; 0 takes what the
    knob `max_memory` says. A session may be used from several threads at once; the GIL is released while it runs.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | _kiln.Engine | _kiln.Model | GraphBuilder, *,
                 external_folder: str | os.PathLike[str] | None = None, seed: int = 0, threads: int = 0,
                 max_memory: int = 0) -> None:
        begin = time.perf_counter()
        model = source.model() if isinstance(source, GraphBuilder) else source
        folder = None if external_folder is None else os.fspath(external_folder)
        self._session = _kiln.Session(model, folder, seed, threads, max_memory=max_memory)
        self._output_names = [port.name for port in self._session.outputs]
        _log.info("made a session of %s in %.1f ms", name_of(source), (time.perf_counter() - begin) * 1e3)

    @property
    def inputs(self) -> list[_kiln.Port]:
        return self._session.inputs

    @property
    def outputs(self) -> list[_kiln.Port]:
        return self._session.outputs

    @property
    def info(self) -> _kiln.ModelInfo:
        return self._session.info

    def run(self, feed: Mapping[str, Any], outputs: Sequence[str] | None = None, *,
            into: Mapping[str, Any] | None = None, cancel: _kiln.CancelFlag | None = None) -> dict[str, Any]:
        """Run the model on `feed` (input name to value) and return its outputs by name.

        Tensors are numpy arrays, or anything that speaks DLPack (torch, jax); sequences are lists, maps dicts, sparse
        tensors kiln.SparseTensor, an empty optional None. Arrays are read in place where they are contiguous, and must
        not change during the call. Results are numpy arrays that belong to the caller and may be written to; those
        named in `into` are written to the arrays or tensors given there, which are returned. Ctrl-C stops a run, as
        setting `cancel` from another thread does.
        """
        names = self._output_names if outputs is None else list(outputs)
        if into is None:
            return dict(zip(names, self._session.run(feed if type(feed) is dict else dict(feed), names, cancel)))
        unknown = [name for name in into if name not in names]
        if unknown:
            raise error_of("invalid_argument",
                           f"into: the run gives no output '{unknown[0]}', expected one of {names}")
        memory = [_writable(into.get(name)) for name in names]
        found = self._session.run(feed if type(feed) is dict else dict(feed), names, cancel, memory)
        return {name: into.get(name, result) for name, result in zip(names, found)}

    def run_async(self, feed: Mapping[str, Any], outputs: Sequence[str] | None = None, *,
                  into: Mapping[str, Any] | None = None) -> RunFuture:
        """The same on another thread: a future of the results, which may also be awaited. Cancelling it stops the run.
        """
        return submit(lambda cancel: self.run(feed, outputs, into=into, cancel=cancel))

    def map(self, feeds: Iterable[Mapping[str, Any]], outputs: Sequence[str] | None = None, *,
            batch: int = 8) -> Iterator[dict[str, Any]]:
        """Run many feeds, joined along their first axis to batches of up to `batch` rows, and give each one's results
        in turn. Feeds whose other dims differ go into batches of their own. All outputs must have the batch as their
        first axis."""
        return run_in_batches(lambda feed: self.run(feed, outputs), feeds, batch)

    def memory(self) -> _kiln.SessionMemory:
        """Bytes that the session holds while no run is under way."""
        return self._session.memory()

    def set_max_memory(self, bytes: int) -> None:
        """Set `max_memory` for the runs that begin after it."""
        self._session.set_max_memory(bytes)

    def trim(self) -> None:
        """Give the memory kept between runs back to the system, plans included.

        Without a run for some time (knob `idle_memory_ms`) all but the plans is given back by itself.
        """
        self._session.trim()

    def __repr__(self) -> str:
        return f"<kiln.Session {[port.name for port in self.inputs]} -> {self._output_names}>"

    def _repr_html_(self) -> str:
        return ports_table(self.info.graph_name, self.inputs, self.outputs)


def _writable(memory: Any) -> Any:
    if memory is None or isinstance(memory, np.ndarray):
        return memory
    return _kiln.array_from_dlpack(memory)


def ports_table(title: str, inputs: Sequence[_kiln.Port], outputs: Sequence[_kiln.Port]) -> str:
    """What a notebook shows of a session or an engine."""
    rows = []
    for kind, ports in (("input", inputs), ("output", outputs)):
        for port in ports:
            shape = "?" if port.shape is None else " x ".join("?" if dim is None else str(dim) for dim in port.shape)
            cells = (kind, port.name, port.type, shape or "scalar")
            rows.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
    return (f"<table><caption>{html.escape(title)}</caption><thead><tr><th></th><th>name</th><th>type</th>"
            f"<th>shape</th></tr></thead><tbody>{''.join(rows)}</tbody></table>")
