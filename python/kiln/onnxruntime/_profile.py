"""Profiles of a session, as Chrome and Perfetto show them."""
from __future__ import annotations

import json
import os
import threading
import time
from typing import Any


class Profile:
    """Collects events until it is written. Times are microseconds since its begin."""

    def __init__(self, prefix: str) -> None:
        self.start_ns = time.time_ns()
        self._zero = time.perf_counter_ns()
        now = time.localtime(self.start_ns // 10**9)
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S", now)
        self.path = f"{prefix}_{stamp}_{self.start_ns // 10**6 % 1000:03d}.json"
        self._events: list[dict[str, Any]] = []
        self._written = False

    def now(self) -> int:
        return time.perf_counter_ns()

    def add(self, category: str, name: str, begin_ns: int, seconds: float, args: dict[str, Any] | None = None) -> None:
        self._events.append({
            "cat": category, "pid": os.getpid(), "tid": threading.get_native_id(), "dur": round(seconds * 1e6),
            "ts": (begin_ns - self._zero) // 1000, "ph": "X", "name": name, "args": args or {}})

    def add_run(self, begin_ns: int, steps: list[tuple], types: dict[str, Any]) -> None:
        """A run and its steps: (nodes, ops, kernel, threads, nanoseconds since the begin, seconds)."""
        for index, (nodes, ops, kernel, threads, since, seconds) in enumerate(steps):
            name = nodes[0] if nodes and nodes[0] else ops or "copy"
            self.add("Node", f"{name}_kernel_time", begin_ns + since, seconds, {
                "op_name": ops or "copy", "provider": "CPUExecutionProvider", "node_index": str(index),
                "kernel": kernel, "threads": str(threads), "nodes": nodes, **types})
        took = (self.now() - begin_ns) / 1e9
        self.add("Session", "SequentialExecutor::Execute", begin_ns, took)
        self.add("Session", "model_run", begin_ns, took)

    def write(self) -> str:
        """Writes the file once; "" when that is done already."""
        if self._written:
            return ""
        self._written = True
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("[\n" + ",\n".join(json.dumps(event) for event in self._events) + "\n]\n")
        return self.path
