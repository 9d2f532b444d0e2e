"""Many small runs as few large ones."""
from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator, Mapping

import numpy as np

from . import _kiln


def _kind(feed: Mapping[str, np.ndarray]) -> tuple:
    """Feeds of one kind can be joined."""
    return tuple(sorted((name, array.dtype, array.shape[1:]) for name, array in feed.items()))


def _rows(feed: Mapping[str, np.ndarray]) -> int:
    counts = {array.shape[0] if array.ndim else -1 for array in feed.values()}
    if len(counts) != 1 or -1 in counts:
        shapes = {name: array.shape for name, array in feed.items()}
        raise ValueError(f"map joins feeds along their first axis, in which all inputs must agree; found {shapes}")
    return counts.pop()


def _run(run: Callable[[dict], dict], feeds: list[dict[str, np.ndarray]]) -> Iterator[dict[str, Any]]:
    joined = feeds[0] if len(feeds) == 1 else {
        name: np.concatenate([feed[name] for feed in feeds]) for name in feeds[0]}
    results = run(joined)
    if len(feeds) == 1:
        yield results
        return
    rows = [_rows(feed) for feed in feeds]
    for name, result in results.items():
        length = len(result) if isinstance(result, list) or np.ndim(result) else None
        if length != sum(rows):
            found = getattr(result, "shape", type(result).__name__)
            raise ValueError(f"map: output '{name}' has not the batch of {sum(rows)} as its first axis; found {found}")
    begin = 0
    for count in rows:
        yield {name: result[begin:begin + count] for name, result in results.items()}
        begin += count


def run_in_batches(run: Callable[[dict], dict], feeds: Iterable[Mapping[str, Any]],
                   batch: int) -> Iterator[dict[str, Any]]:
    if batch < 1:
        raise ValueError(f"map: batch is {batch}, expected 1 or more")
    waiting: list[dict[str, np.ndarray]] = []
    rows = 0
    for feed in feeds:
        arrays = {name: _array(value) for name, value in feed.items()}
        count = _rows(arrays)
        if waiting and (rows + count > batch or _kind(arrays) != _kind(waiting[0])):
            yield from _run(run, waiting)
            waiting, rows = [], 0
        waiting.append(arrays)
        rows += count
    if waiting:
        yield from _run(run, waiting)


def _array(value: Any) -> np.ndarray:
    if isinstance(value, np.ndarray) or not hasattr(value, "__dlpack__"):
        return np.asarray(value)
    return _kiln.array_from_dlpack(value)
