#!/usr/bin/env python3
"""torch.compile(backend="kiln") against eager PyTorch: ResNet-18, a ViT and a small decoder, with random weights.

    python bench/torch_backend.py [--tune fast] [NAME...]

Needs torch, torchvision and onnxscript.
"""
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))
import kiln.torch  # noqa: E402
import torch_models  # noqa: E402


def milliseconds(calls, seconds: float) -> list[float]:
    """The tenth part of the quietest runs of each, in turns, so that what else the machine does meets all alike."""
    times: list[list[float]] = [[] for _ in calls]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for call, taken in zip(calls, times):
            for _ in range(3):
                begin = time.perf_counter()
                call()
                taken.append(time.perf_counter() - begin)
    return [sorted(taken)[len(taken) // 10] * 1e3 for taken in times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--tune", default="fast", choices=["off", "fast", "full"])
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    print(f"{'model':10} {'eager':>10} {'Kiln':>10} {'ratio':>6} {'compile':>9}  largest difference")
    for name in options.names or torch_models.MODELS:
        if reason := torch_models.why_not(name):
            print(f"{name:10} skipped: {reason}")
            continue
        model, inputs = torch_models.MODELS[name]()
        fast = torch.compile(model, backend="kiln", options={"tune": options.tune})
        with torch.no_grad():
            begin = time.perf_counter()
            found = fast(*inputs)
            compiling = time.perf_counter() - begin
            difference = (found - model(*inputs)).abs().max().item()
            eager, ours = milliseconds([lambda: model(*inputs), lambda: fast(*inputs)], options.seconds)
        print(f"{name:10} {eager:7.2f} ms {ours:7.2f} ms {eager / ours:6.2f} {compiling:7.1f} s  {difference:.1e}",
              flush=True)


if __name__ == "__main__":
    main()
