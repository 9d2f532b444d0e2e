"""Engines: models made ready for this machine, to be kept in a file."""
from __future__ import annotations

import logging
import operator
import os
import time
from typing import Callable, Literal, Mapping, Sequence, Union

from . import _kiln, progress as _progress
from .builder import GraphBuilder
from .errors import error_of

_log = logging.getLogger("kiln")


def name_of(source: object) -> str:
    """What a log line calls the source of a model."""
    if isinstance(source, (str, os.PathLike)):
        return os.path.basename(os.fspath(source))
    kinds = {_kiln.Engine: "an Engine", _kiln.Model: "a Model", GraphBuilder: "a GraphBuilder"}
    return f"a model of {len(source)} bytes" if isinstance(source, bytes) else kinds.get(type(source), "a model")


Profiles = Mapping[str, Union[str, Sequence[int], Sequence[Sequence[int]]]]


def _range_text(name: str, shapes: str | Sequence[int] | Sequence[Sequence[int]]) -> str:
    """What `profiles` says of an input, as the build option "profile" has it."""
    if isinstance(shapes, str):
        return shapes
    rows: Sequence[Sequence[int]] = [shapes] if all(isinstance(dim, int) for dim in shapes) else shapes  # type: ignore
    if len(rows) not in (1, 3):
        raise error_of("invalid_argument", f"profile of input '{name}': found {len(rows)} shapes, expected one, or the "
                                           "least, the typical and the largest")
    return ":".join("x".join(str(operator.index(dim)) for dim in row) for row in rows)


def build(source: str | os.PathLike[str] | bytes | _kiln.Model | GraphBuilder, *,
          precision: Literal["model"] = "model", profiles: Profiles | Sequence[Profiles] | None = None,
          tune: Literal["off", "fast", "full"] = "fast", time_budget: float = 60.0,
          prefer: Literal["balanced", "speed", "memory"] = "balanced", math: Literal["fast", "strict"] = "fast",
          isa: str = "", providers: str = "", threads: int = 0, verify: bool = True, preprocess: str = "",
          progress: bool | Callable[[str, int, int, float, float], None] | None = None,
          external_folder: str | os.PathLike[str] | None = None) -> _kiln.Engine:
    """Make an engine of an ONNX model (a path, bytes, a Model or a GraphBuilder) for this machine.

    `precision` is "model": engines compute in the model's own element types. `profiles` says for which shapes of the
    inputs ways are chosen, where the model leaves dims open; the engine runs with any. It maps names of inputs to a
    shape, to three (the least, the typical and the largest), or to a text ("1x3x32x32:1x3x640x640:1x3x4096x4096",
    "[1,3,960:1200,..]"); a list of such mappings is several profiles. `tune` says how much is timed
    before the ways to do each node are chosen, `time_budget` (in seconds) after how long the best so far is taken.
    `isa` names instruction sets to choose from when the engine runs ("avx2,avx512"), by default the one of this
    process. `providers` says whose ways to do nodes are looked at ("kiln,onednn"); by default Kiln's, and oneDNN's
    where it is installed and something is timed. `threads` is how many the engine will run with; 0 takes those of the
    process. `verify` holds the engine against the reference code. `progress` draws a bar in a terminal or a notebook
    where it is True, or is called with a text, how many of how many are done, the seconds that have passed and those
    that are left. `preprocess`, such as "letterbox,rgb,/255", puts what is done to a picture into the engine, which
    then takes its pixels, uint8 [height, width, 3] (docs/cli/build.md has the words).
    """
    if precision != "model":
        raise error_of("unsupported",
                       f"precision '{precision}': engines compute in the model's own element types, 'model'")
    options = [("tune", tune), ("time_budget_seconds", repr(float(time_budget))), ("prefer", prefer), ("math", math),
               ("isa", isa), ("providers", providers), ("threads", str(threads)),
               ("verify", "true" if verify else "false")]
    folder = None if external_folder is None else os.fspath(external_folder)
    title = name_of(source)
    if isinstance(source, GraphBuilder):
        source = source.model()
    if preprocess:
        if not isinstance(source, _kiln.Model):
            source = _kiln.Model.load(source if isinstance(source, bytes) else os.fspath(source), folder)
        source, folder = _kiln.with_preprocessing(source, preprocess), None
    bar = _progress.reporter(title) if progress is True else None
    report = bar or (progress if callable(progress) else None)
    begin = time.perf_counter()
    try:
        several = [profiles] if isinstance(profiles, Mapping) else list(profiles or [])
        options += [("profile", f"{name}={_range_text(name, shapes)}") for profile in several
                    for name, shapes in profile.items()]
        engine = _kiln.build_engine(source, folder, options, report, None)
    finally:
        if bar is not None:
            bar.close()
    if _log.isEnabledFor(logging.INFO):
        steps = engine.info["variants"][-1]["steps"] if engine.info["variants"] else []
        _log.info("built an engine of %s in %.2f s: %d steps, %d of them by the reference code", title,
                  time.perf_counter() - begin, len(steps), sum(step["tactic"] == "reference" for step in steps))
    return engine
