"""Runs on other threads, for programs that await and for those that do not."""
from __future__ import annotations

import concurrent.futures
import functools
import os
from typing import Any, Callable, Generator

from . import _kiln


class RunFuture(concurrent.futures.Future):
    """A future that may also be awaited. `cancel` stops a run that is under way too; the future then ends with
    kiln.Error of the code "cancelled"."""

    def __init__(self) -> None:
        super().__init__()
        self._flag = _kiln.CancelFlag()

    def cancel(self) -> bool:
        self._flag.set()
        return super().cancel()

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio  # takes longer to import than all of Kiln

        return asyncio.wrap_future(self).__await__()


@functools.lru_cache
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1, "kiln_run_async")


def submit(work: Callable[[_kiln.CancelFlag], Any]) -> RunFuture:
    future = RunFuture()

    def run() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work(future._flag))
        except BaseException as raised:  # noqa: BLE001: whoever waits is told
            future.set_exception(raised)

    _threads().submit(run)
    return future
