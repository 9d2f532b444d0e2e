#!/usr/bin/env python3
"""Runs a model on very large pictures in Kiln and its peers and prints time and memory side by side.

    PYTHONPATH=build/python zoo/bin/python bench/large_pictures.py ppocr_det.onnx [--shapes 1x3x800x12128 ...] \\
        [--engines kiln openvino onnxruntime] [--runs 8] [--rounds 2] [--threads 2] [--json FILE]

The model has one input. Each engine runs in a process of its own, the engines in turns, `rounds` times; the best round
of each counts. `first` is the first call of a loaded model, `steady` the median of those after it. Memory is the peak
of resident pages over the bare process with the engine's library loaded; the picture, the model and the results count.
`kiln_whole` is Kiln without bands.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ENGINES = ["kiln", "kiln_whole", "openvino", "onnxruntime"]
SHAPES = ["1x3x800x12128", "1x3x12128x800", "1x3x4000x4000"]


def resident_mb(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/self/status has no {field}")


def loader(engine: str, threads: int):
    """Imports the library; what it returns makes a function that runs a model on a picture."""
    if engine.startswith("kiln"):
        import kiln

        kiln.set_threads(threads)

        def load(model: str):
            session = kiln.Session(model)
            name = session.inputs[0].name
            return lambda picture: session.run({name: picture})
    elif engine == "openvino":
        import openvino

        core = openvino.Core()

        def load(model: str):
            settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
                        "PERFORMANCE_HINT": "LATENCY"}
            request = core.compile_model(model, "CPU", settings).create_infer_request()
            return lambda picture: request.infer({0: picture}, share_inputs=True, share_outputs=True)
    else:
        import onnxruntime

        onnxruntime.set_default_logger_severity(4)

        def load(model: str):
            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
            session = onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
            name = session.get_inputs()[0].name
            return lambda picture: session.run(None, {name: picture})
    return load


def measure(options: argparse.Namespace) -> dict:
    """What the process of one engine does."""
    import numpy as np

    load = loader(options.engine, options.threads)
    bare = resident_mb("VmRSS")
    begin = time.perf_counter()
    run = load(options.model)
    loaded = time.perf_counter() - begin
    shape = [int(size) for size in options.shape.split("x")]
    picture = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    times = []
    for _ in range(options.runs):
        begin = time.perf_counter()
        run(picture)
        times.append((time.perf_counter() - begin) * 1e3)
    return {"load_ms": loaded * 1e3, "first_ms": times[0], "steady_ms": statistics.median(times[1:]),
            "memory_mb": resident_mb("VmHWM") - bare}


def measure_apart(engine: str, shape: str, options: argparse.Namespace) -> dict:
    environment = dict(os.environ)
    if engine == "kiln_whole":
        environment["KILN_BANDS"] = "off"
    command = [sys.executable, __file__, options.model, "--engine", engine, "--shape", shape, "--runs",
               str(options.runs), "--threads", str(options.threads)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        return {"error": done.stderr.strip().splitlines()[-1:] or f"exit status {done.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def best(rounds: list[dict]) -> dict:
    good = [one for one in rounds if "error" not in one]
    if not good:
        return rounds[-1]
    return {name: min(one[name] for one in good) for name in good[0]}


def print_table(shape: str, found: dict[str, dict]) -> None:
    peer = found.get("openvino", {}).get("steady_ms")
    print(f"\n{shape}\n{'engine':<12}{'steady ms':>11}{'of OpenVINO':>13}{'first ms':>10}{'of steady':>11}{'MB':>7}")
    for engine, one in found.items():
        if "error" in one:
            print(f"{engine:<12}  {one['error']}")
            continue
        share = f"{one['steady_ms'] / peer:.2f}" if peer else ""
        print(f"{engine:<12}{one['steady_ms']:>11.1f}{share:>13}{one['first_ms']:>10.1f}"
              f"{one['first_ms'] / one['steady_ms']:>11.2f}{one['memory_mb']:>7.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", help="write all figures into this file")
    parser.add_argument("--engine", choices=ENGINES, help=argparse.SUPPRESS)
    parser.add_argument("--shape", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.runs < 2:
        parser.error("--runs: expected at least 2")
    if options.engine:
        print(json.dumps(measure(options)))
        return
    all_found = {}
    for shape in options.shapes:
        rounds: dict[str, list[dict]] = {engine: [] for engine in options.engines}
        for _ in range(options.rounds):
            for engine in options.engines:
                rounds[engine].append(measure_apart(engine, shape, options))
        all_found[shape] = {engine: best(those) for engine, those in rounds.items()}
        print_table(shape, all_found[shape])
    if options.json:
        Path(options.json).write_text(json.dumps(all_found, indent=2) + "\n")


if __name__ == "__main__":
    main()
