#!/usr/bin/env python3
"""Runs per second of one session from 1, 2, 4 and 8 threads of Python, on kiln.onnxruntime and on ONNX Runtime; a run
takes one thread itself. The numbers of threads take turns, and each counts its best turn: others use the machine too.
Runs per second of CPU time do not depend on them.

    .venv/bin/python bench/python_threads.py [MODEL.onnx]
"""
from __future__ import annotations

import importlib
import sys
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))
import small_models  # noqa: E402


COUNTS = (1, 2, 4, 8)


def runs_per_second(session, feed, count: int, seconds: float = 0.5) -> tuple[float, float]:
    """Of wall time, and of CPU time."""
    done = [0] * count
    end = time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end:
            session.run(None, feed)
            done[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    begin, cpu_begin = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begin), sum(done) / (time.process_time() - cpu_begin)


def make(name: str, source):
    module = importlib.import_module(name)
    options = module.SessionOptions()
    options.intra_op_num_threads = 1
    session = module.InferenceSession(source, options, ["CPUExecutionProvider"])
    feed = {node.name: np.ones([dim if isinstance(dim, int) else 8 for dim in node.shape], np.float32)
            for node in session.get_inputs()}
    session.run(None, feed)
    return session, feed


def main() -> None:
    source = sys.argv[1] if len(sys.argv) > 1 else small_models.deep(40, 256)
    sessions = {}
    for name in ("kiln.onnxruntime", "onnxruntime"):
        try:
            sessions[name] = make(name, source)
        except ImportError:
            print(f"{name} is not installed")
    best = {name: dict.fromkeys(COUNTS, (0.0, 0.0)) for name in sessions}
    for _ in range(4):
        for name, (session, feed) in sessions.items():
            for count in COUNTS:
                found = runs_per_second(session, feed, count)
                best[name][count] = tuple(map(max, found, best[name][count]))
    for name, rates in best.items():
        print(f"{name}: " + ", ".join(f"{count} threads {wall:.0f}/s ({cpu:.0f} a CPU second)"
                                      for count, (wall, cpu) in rates.items()))


if __name__ == "__main__":
    main()
