"""Engines: models made ready for this machine, to be kept in a file."""
from __future__ import annotations

import os
from typing import Callable, Literal

from . import _kiln


def build(source: str | os.PathLike[str] | bytes, *, tune: Literal["off", "fast", "full"] = "fast",
          time_budget: float = 60.0, prefer: Literal["balanced", "speed", "memory"] = "balanced",
          math: Literal["fast", "strict"] = "fast", isa: str = "", threads: int = 0, verify: bool = True,
          progress: Callable[[str, int, int, float, float], None] | None = None,
          external_folder: str | os.PathLike[str] | None = None) -> _kiln.Engine:
    """Make an engine of an ONNX model (a path or bytes) for this machine.

    `tune` says how much is timed before the ways to do each node are chosen, `time_budget` (in seconds) after how long
    the best so far is taken. `isa` names instruction sets to choose from when the engine runs ("avx2,avx512"), by
    default the one of this process. `threads` is how many the engine will run with; 0 takes those of the process.
    `verify` holds the engine against the reference code. `progress` is called with a text, how many of how many are
    done, the seconds that have passed and those that are left.
    """
    options = [("tune", tune), ("time_budget_seconds", repr(float(time_budget))), ("prefer", prefer), ("math", math),
               ("isa", isa), ("threads", str(threads)), ("verify", "true" if verify else "false")]
    folder = None if external_folder is None else os.fspath(external_folder)
    return _kiln.build_engine(source, folder, options, progress)
