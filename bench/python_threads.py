#!/usr/bin/env python3
"""Runs per second of one session from 1, 2, 4 and 8 threads of Python, on kiln.onnxruntime and on ONNX Runtime; a run
takes one thread itself.

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


def runs_per_second(session, feed, count: int, seconds: float = 2.0) -> float:
    done = [0] * count
    end = time.perf_counter() + seconds

    def work(index: int) -> None:
        while time.perf_counter() < end:
            session.run(None, feed)
            done[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / (time.perf_counter() - begin)


def main() -> None:
    source = sys.argv[1] if len(sys.argv) > 1 else small_models.deep(40, 256)
    for name in ("kiln.onnxruntime", "onnxruntime"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            print(f"{name} is not installed")
            continue
        options = module.SessionOptions()
        options.intra_op_num_threads = 1
        session = module.InferenceSession(source, options, ["CPUExecutionProvider"])
        feed = {node.name: np.ones([dim if isinstance(dim, int) else 8 for dim in node.shape], np.float32)
                for node in session.get_inputs()}
        session.run(None, feed)
        rates = [runs_per_second(session, feed, count) for count in (1, 2, 4, 8)]
        print(f"{name}: " + ", ".join(f"{count} threads {rate:.0f}/s" for count, rate in zip((1, 2, 4, 8), rates)))


if __name__ == "__main__":
    main()
