#!/usr/bin/env python3
"""Runs real networks on Kiln and on ONNX Runtime with the same inputs and compares their outputs.

    python -m venv real && real/bin/pip install -r requirements-real.txt
    PYTHONPATH=build/python real/bin/python scripts/compare_real_models.py [NAME...]

The difference of two outputs is the largest absolute difference over the largest absolute value. A network passes
when it is at most 1e-4 in all of them. Exported networks are kept in build/real-models.
"""
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "real"))

from models import MODELS  # noqa: E402

LIMIT = 1e-4


def difference(expected, found) -> float:
    if isinstance(expected, list):
        if len(expected) != len(found):
            return np.inf
        return max((difference(a, b) for a, b in zip(expected, found)), default=0.0)
    if isinstance(expected, dict):
        if list(expected) != list(found):
            return np.inf
        return difference(np.array(list(expected.values())), np.array(list(found.values())))
    expected, found = np.asarray(expected), np.asarray(found)
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return np.inf
    if expected.size == 0:
        return 0.0
    if expected.dtype.kind in "OUb":
        return 0.0 if (expected == found).all() else np.inf
    a, b = expected.astype(np.float64), found.astype(np.float64)
    if not np.isfinite(a).all():
        return np.inf
    return float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30))


def best_time(run, repeat: int) -> float:
    times = []
    for _ in range(repeat):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def compare(model, path: Path, repeat: int) -> tuple[float, float, float, float]:
    import onnxruntime
    from kiln import onnxruntime as kiln_onnxruntime

    feed = model.feed(np.random.default_rng(7))
    onnxruntime.set_default_logger_severity(4)
    theirs = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    begin = time.perf_counter()
    ours = kiln_onnxruntime.InferenceSession(str(path))
    load = time.perf_counter() - begin
    expected, found = theirs.run(None, feed), ours.run(None, feed)
    worst = difference(expected, found)
    return (worst, load, best_time(lambda: ours.run(None, feed), repeat),
            best_time(lambda: theirs.run(None, feed), repeat))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="networks to compare: all of them where none is named")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "real-models", help="where exports are kept")
    parser.add_argument("--repeat", type=int, default=3, help="runs that are timed; the fastest counts")
    parser.add_argument("--export-only", action="store_true", help="make the networks and stop")
    options = parser.parse_args()
    unknown = set(options.names) - {model.name for model in MODELS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(model.name for model in MODELS)}")
    options.cache.mkdir(parents=True, exist_ok=True)

    failed = 0
    print(f"{'network':26} {'difference':>10} {'load':>9} {'Kiln':>10} {'ORT':>10}", flush=True)
    for model in MODELS:
        if options.names and model.name not in options.names:
            continue
        try:
            made = options.cache / f"{model.name}.onnx"
            path = made if made.exists() else model.make(options.cache)
            if options.export_only:
                continue
            worst, load, ours, theirs = compare(model, path, options.repeat)
        except Exception as error:  # one network's failure must not hide the others
            print(f"{model.name:26} FAIL {type(error).__name__}: {str(error)[:2000]}", flush=True)
            failed += 1
            continue
        verdict = "PASS" if worst <= LIMIT else "FAIL"
        failed += verdict == "FAIL"
        print(f"{model.name:26} {worst:10.1e} {load * 1e3:6.0f} ms {ours * 1e3:7.1f} ms {theirs * 1e3:7.1f} ms "
              f"{verdict}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
