#!/usr/bin/env python3
"""Loads and checks a 500 MB model (VGG-16) and prints how long it takes and what memory it needs.

    PYTHONPATH=build/python .venv/bin/python bench/load_vgg16.py

Memory is the peak of resident pages over the process before, file pages that the load has touched included. The time
is the best of several loads, with the file in the page cache. Exit status 1: over 50 ms or 60 MB.
"""
import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT_MS, LIMIT_MB = 50, 60


def make_vgg16(path: Path) -> None:
    """VGG-16 with random weights."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(1)
    nodes, weights = [], []

    def weighted(op, value, shape, **attributes):
        name = f"layer{len(nodes)}"
        for suffix, dims in (("weight", shape), ("bias", shape[:1])):
            data = 0.05 * random.standard_normal(dims, dtype=np.float32)
            weights.append(numpy_helper.from_array(data, f"{name}.{suffix}"))
        nodes.append(helper.make_node(op, [value, f"{name}.weight", f"{name}.bias"], [name], **attributes))
        return name

    def plain(op, value, **attributes):
        nodes.append(helper.make_node(op, [value], [f"layer{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    value, channels = "image", 3
    for block in ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)):
        for width in block:
            value = weighted("Conv", value, (width, channels, 3, 3), pads=[1, 1, 1, 1], kernel_shape=[3, 3])
            value, channels = plain("Relu", value), width
        value = plain("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2])
    value = plain("Flatten", value)
    for inputs, outputs in ((25088, 4096), (4096, 4096), (4096, 1000)):
        value = weighted("Gemm", value, (outputs, inputs), transB=1)
        if outputs != 1000:
            value = plain("Relu", value)
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 224, 224])
    scores = helper.make_tensor_value_info(value, TensorProto.FLOAT, ["n", 1000])
    graph = helper.make_graph(nodes, "vgg16", [image], [scores], initializer=weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())


def resident_mb(field: str = "VmRSS") -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def measure(path: str) -> None:
    """In a fresh process: the peak of memory first, then the time."""
    import kiln

    before = resident_mb()
    model = kiln.Model.load(path)
    loaded = resident_mb("VmHWM") - before
    kiln.check(path)
    checked = resident_mb("VmHWM") - before
    del model
    times = []
    for _ in range(10):
        begin = time.perf_counter()
        kiln.Model.load(path)
        times.append(1e3 * (time.perf_counter() - begin))
    print(f"{min(times):.1f} {loaded:.1f} {checked:.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return 0
    path = ROOT / "build" / "real-models" / "vgg16.onnx"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        make_vgg16(path)
    path.read_bytes()  # into the page cache
    command = [sys.executable, __file__, "--measure", str(path)]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    milliseconds, loaded, checked = map(float, result.stdout.split())
    print(f"{path.stat().st_size / 1e6:.0f} MB: loaded in {milliseconds:.1f} ms (limit {LIMIT_MS}); "
          f"over the bare process {loaded:.1f} MB after loading, {checked:.1f} MB after checking (limit {LIMIT_MB})")
    return 0 if milliseconds < LIMIT_MS and checked < LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
