#!/usr/bin/env python3
"""What a run costs beside its work: a model of one node from Python, on kiln.onnxruntime and on ONNX Runtime.

    .venv/bin/python bench/python_overhead.py
"""
from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))
import small_models  # noqa: E402

X = np.ones((1, 3), np.float32)


def bound(module):
    session = module.InferenceSession(small_models.add(), providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name in ("x", "y"):
        binding.bind_cpu_input(name, X)
    value = module.OrtValue.ortvalue_from_numpy(np.zeros_like(X))
    binding.bind_ortvalue_output("z", value)
    return lambda: session.run_with_iobinding(binding)


def plain(module):
    session = module.InferenceSession(small_models.add(), providers=["CPUExecutionProvider"])
    feed = {"x": X, "y": X}
    return lambda: session.run(None, feed)


def microseconds(call, rounds=10, calls=300) -> float:
    """The quietest of many short rounds: other programs share the machine."""
    best = np.inf
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        best = min(best, (time.perf_counter() - begin) / calls)
    return best * 1e6


def main() -> None:
    modules = [importlib.import_module("kiln.onnxruntime")]
    try:
        modules.append(importlib.import_module("onnxruntime"))
    except ImportError:
        print("ONNX Runtime is not installed: Kiln alone")
    for name, make in (("run", plain), ("run_with_iobinding, given results", bound)):
        calls = [make(module) for module in modules]
        best = [np.inf] * len(calls)
        for _ in range(6):
            best = [min(before, microseconds(call)) for before, call in zip(best, calls)]
        times = ", ".join(f"{module.__name__} {us:.2f} us" for module, us in zip(modules, best))
        print(f"{name}: {times}")


if __name__ == "__main__":
    main()
