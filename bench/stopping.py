#!/usr/bin/env python3
"""How long a run goes on after `terminate` is set: the worst of several tries for models that take long.

    .venv/bin/python bench/stopping.py [MODEL.onnx]
"""
from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np

import kiln
import kiln.onnxruntime as ort

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))
import small_models  # noqa: E402

TRIES = 8


def by_hand(build, dtype, shape):
    b = kiln.GraphBuilder()
    b.output(build(b, b.input("x", dtype, shape)), "y")
    return b.model().to_onnx()


def models():
    rng = np.random.default_rng(0)
    yield "TopK of a row of 5 million", by_hand(
        lambda b, x: b.op("TopK", x, np.array([1_000_000]), outputs=2)[0], "float32", (5_000_000,))
    yield "MatMul of float64", by_hand(lambda b, x: b.matmul(x, rng.random((3000, 3000))), "float64", (1000, 3000))
    yield "Unique of 2 million", by_hand(lambda b, x: b.op("Unique", x), "float32", (2_000_000,))
    yield "a Loop without end", by_hand(
        lambda b, x: b.loop(None, x, lambda i, y: b.op("Cos", y + x)), "float32", (1000,))
    yield "300 layers", small_models.deep(300, 512)


def milliseconds(session: ort.InferenceSession, feed: dict, wait: float) -> float | None:
    """None where the run was over first."""
    options = ort.RunOptions()
    told: list[float] = []

    def stop() -> None:
        time.sleep(wait)
        told.append(time.perf_counter())
        options.terminate = True

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        session.run(None, feed, options)
        return None
    except ort.capi.onnxruntime_pybind11_state.Fail:
        return (time.perf_counter() - told[0]) * 1e3
    finally:
        thread.join()


def main() -> None:
    named = [(sys.argv[1], sys.argv[1])] if len(sys.argv) > 1 else models()
    for name, model in named:
        session = ort.InferenceSession(model)
        feed = {}
        for node in session.get_inputs():
            dtype = np.float64 if node.type == "tensor(double)" else np.float32
            shape = [dim if isinstance(dim, int) else 256 for dim in node.shape]
            feed[node.name] = np.random.default_rng(1).random(shape).astype(dtype)
        found = [milliseconds(session, feed, 0.02 + 0.01 * i) for i in range(TRIES)]
        late = [ms for ms in found if ms is not None]
        over = f", {len(found) - len(late)} were over before" if len(late) < len(found) else ""
        worst, mostly = max(late, default=0), np.median(late or [0])
        print(f"{name}: stopped after {worst:.1f} ms at most, {mostly:.1f} ms mostly{over}")


if __name__ == "__main__":
    main()
