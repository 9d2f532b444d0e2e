#!/usr/bin/env python3
"""Runs a model on very large pictures in Kiln and its peers and prints time and memory side by side.

    zoo/bin/python bench/large_pictures.py ppocr_det.onnx [--shapes 1x3x800x12128 ...] [--runs 8] [--rounds 2] \\
        [--engines kiln kiln_whole openvino onnxruntime] [--threads 2] [--json FILE]

The model has one input. Each engine runs in a process of its own, the engines in turns, `rounds` times; the best round
of each counts. `first` is the first call of a loaded model, `steady` the median of those after it. Memory is the peak
of resident pages over the process with the engine's library and the picture; the model and the results count.
`kiln_whole` is Kiln without bands.
"""
from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import ROOT, Setting, Worker, WorkerError  # noqa: E402

ENGINES = ["kiln", "kiln_whole", "openvino", "onnxruntime"]
SHAPES = ["1x3x800x12128", "1x3x12128x800", "1x3x4000x4000"]


def measure(engine: str, inputs: Path, shapes: dict[str, list[int]], options: argparse.Namespace) -> dict:
    variables = {"KILN_BANDS": "off"} if engine == "kiln_whole" else {}
    setting = Setting(threads=options.threads, timeout=900, kiln_python=options.kiln_python, variables=variables)
    try:
        with Worker(engine.removesuffix("_whole"), options.model, inputs, setting) as worker:
            seconds = worker.ask(do="shapes", shapes=[shapes] * options.runs)["seconds"]
            memory = worker.ask(do="memory")["peak_mb"]
    except WorkerError as error:
        return {"error": " ".join(str(error).split())}
    return {"first_ms": 1e3 * seconds[0], "steady_ms": 1e3 * statistics.median(seconds[1:]), "memory_mb": memory}


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
              f"{one['first_ms'] / one['steady_ms']:>11.2f}{one['memory_mb']:>7.0f}", flush=True)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kiln-python", type=Path, default=ROOT / "build" / "python", help="folder of the package")
    parser.add_argument("--json", type=Path, help="write all figures into this file")
    options = parser.parse_args()
    if options.runs < 2:
        parser.error("--runs: expected at least 2")
    return options


def main() -> None:
    options = parse_arguments()
    name = onnx.load(options.model, load_external_data=False).graph.input[0].name
    all_found = {}
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "inputs.npz"
        for shape in options.shapes:
            shapes = {name: [int(size) for size in shape.split("x")]}
            np.savez(inputs, **{name: np.random.default_rng(1).standard_normal(shapes[name], dtype=np.float32)})
            rounds: dict[str, list[dict]] = {engine: [] for engine in options.engines}
            for _ in range(options.rounds):
                for engine in options.engines:
                    rounds[engine].append(measure(engine, inputs, shapes, options))
            all_found[shape] = {engine: best(those) for engine, those in rounds.items()}
            print_table(shape, all_found[shape])
    if options.json:
        options.json.write_text(json.dumps(all_found, indent=2) + "\n")


if __name__ == "__main__":
    main()
