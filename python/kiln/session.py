"""The native session: names in, names out."""
from __future__ import annotations

import os
from typing import Any, Mapping, Sequence

from . import _kiln


class Session:
    """A model that is ready to run.

    `source` is the path of an ONNX model or of an engine, the bytes of a model, or an Engine; `external_folder` is
    where a model given as bytes keeps its external data. `seed` is for random operators without a seed of their own; 0
    takes a new one. `max_memory` is the most bytes that a run may take: the memory that it works in, kept plans and its
    outputs, not its inputs and weights. What needs more is done in a way that takes less, or refused before it starts;
    0 takes what the knob `max_memory` says. A session may be used from several threads at once; the GIL is released
    while it runs.
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | _kiln.Engine, *,
                 external_folder: str | os.PathLike[str] | None = None, seed: int = 0,
                 max_memory: int = 0) -> None:
        self._session = _kiln.Session(source, None if external_folder is None else os.fspath(external_folder), seed,
                                      max_memory=max_memory)
        self._output_names = [port.name for port in self._session.outputs]

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
            cancel: _kiln.CancelFlag | None = None) -> dict[str, Any]:
        """Run the model on `feed` (input name to value) and return its outputs by name.

        Tensors are numpy arrays, sequences lists, maps dicts, sparse tensors kiln.SparseTensor, an empty optional None.
        Arrays are read in place where they are contiguous, and must not change during the call; results belong to the
        caller and may be written to. Ctrl-C stops a run, as setting `cancel` from another thread does.
        """
        names = self._output_names if outputs is None else list(outputs)
        return dict(zip(names, self._session.run(dict(feed), names, cancel)))

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
