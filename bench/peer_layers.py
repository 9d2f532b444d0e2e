#!/usr/bin/env python3
"""Prints how long each layer of a zoo model takes in ONNX Runtime or OpenVINO, by the engine's own profiler.

    zoo/bin/python bench/peer_layers.py resnet50 [--engine onnxruntime|openvino] [--top 20] [--by-type]

Medians over the runs, in us, in the order in which the layers run. Profiling itself costs a little, most in OpenVINO,
so the sum is more than an unprofiled run.
"""
from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from zoo import NAMES, ROOT, chosen_models, make_model  # noqa: E402


class Layers:
    """Times of layers by name, kept in the order of their first run."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.kinds: dict[str, tuple[str, str]] = {}

    def add(self, name: str, kind: str, detail: str, microseconds: float) -> None:
        self.times[name].append(microseconds)
        self.kinds[name] = (kind, detail)

    def rows(self) -> list[tuple[str, str, str, float]]:
        return [(name, *self.kinds[name], statistics.median(times)) for name, times in self.times.items()]


def shapes_text(typed: list[dict]) -> str:
    """[{"float": [1, 64, 56, 56]}] as 1x64x56x56."""
    return " ".join("x".join(map(str, dims)) for one in typed for dims in one.values())


def onnxruntime_layers(path: Path, feeds: dict, runs: int, threads: int) -> Layers:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    layers = Layers()
    with tempfile.TemporaryDirectory() as folder:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        settings.enable_profiling = True
        settings.profile_file_prefix = f"{folder}/profile"
        session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        for _ in range(runs + 3):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text())
    begins = sorted(event["ts"] for event in events if event["name"] == "model_run")
    for event in sorted(events, key=lambda event: event["ts"]):
        if event.get("cat") != "Node" or not event["name"].endswith("_kernel_time") or event["ts"] < begins[3]:
            continue
        arguments = event["args"]
        detail = f"{shapes_text(arguments.get('input_type_shape', [])[:2])} -> " \
                 f"{shapes_text(arguments.get('output_type_shape', []))}"
        layers.add(event["name"].removesuffix("_kernel_time"), arguments["op_name"], detail, event["dur"])
    return layers


def openvino_layers(path: Path, feeds: dict, runs: int, threads: int) -> Layers:
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(core.read_model(str(path)), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
        "PERF_COUNT": True})
    request = compiled.create_infer_request()
    for port in compiled.inputs:
        name = next(name for name in port.get_names() if name in feeds)
        request.set_tensor(port, openvino.Tensor(feeds[name], shared_memory=True))
    layers = Layers()
    for number in range(runs + 3):
        request.infer()
        if number < 3:
            continue
        for layer in request.get_profiling_info():
            time = layer.real_time.total_seconds() * 1e6
            if time > 0:
                layers.add(layer.node_name, layer.node_type, layer.exec_type, time)
    return layers


def print_rows(rows: list, top: int | None) -> None:
    total = sum(row[-1] for row in rows)
    if top:
        rows = sorted(rows, key=lambda row: -row[-1])[:top]
    for name, kind, detail, time in rows:
        print(f"{time:10.1f} us {100 * time / total:5.1f} %  {kind:20} {name[:60]:60} {detail}")
    print(f"{total:10.1f} us in all")


def by_type(rows: list) -> list:
    groups = defaultdict(list)
    for _, kind, _, time in rows:
        groups[kind].append(time)
    return sorted(((f"{len(times)} layers", kind, "", sum(times)) for kind, times in groups.items()),
                  key=lambda row: -row[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help=f"one of {', '.join(NAMES)}; or an ONNX file, with --inputs")
    parser.add_argument("--inputs", type=Path, help="the inputs of an ONNX file, a .npz file")
    parser.add_argument("--engine", choices=["onnxruntime", "openvino"], default="onnxruntime")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--top", type=int, help="only the slowest N")
    parser.add_argument("--by-type", action="store_true", help="sums over layers of one type")
    parser.add_argument("--zoo", type=Path, default=ROOT / "build" / "zoo", help="where the models are kept")
    options = parser.parse_args()
    if options.inputs:
        path, inputs = Path(options.model), options.inputs
    else:
        path, inputs = make_model(chosen_models(options.model)[0], options.zoo)
    with np.load(inputs) as file:
        feeds = {name: file[name] for name in file.files}
    measure = onnxruntime_layers if options.engine == "onnxruntime" else openvino_layers
    rows = measure(path, feeds, options.runs, options.threads).rows()
    print_rows(by_type(rows) if options.by_type else rows, options.top)
    return 0


if __name__ == "__main__":
    sys.exit(main())
