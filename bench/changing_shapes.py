#!/usr/bin/env python3
"""Runs models on inputs of random shapes, and looks at the time and at the memory that never comes back.

    python -m venv zoo && zoo/bin/pip install -r requirements-bench.txt
    zoo/bin/python bench/changing_shapes.py [--only pictures,texts] [--count 500] [--engines kiln,openvino] ...

Every engine runs in its own process, one after the other, on the same shapes and the same data. Time is that of the
runs alone, per pixel or per token; memory is what is resident over the process before it loaded the model. With --turns
all engines are there at once and take turns, shape by shape, so that they are measured under the same conditions;
shapes during which other processes took too much of the machine do not count.
`kiln bench --shapes random:...` does the same for Kiln alone, with a picture of the memory.
"""
from __future__ import annotations

import argparse
import json
import random
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import ROOT, TITLES, Setting, Worker, WorkerError, busy_seconds, wait_for_quiet  # noqa: E402
from zoo import ANY_LENGTH, ZOO, ZooModel, make_model  # noqa: E402

ENGINES = ["kiln", "onnxruntime", "openvino"]
MARKS = (1, 100, 500, 1000, 10000)  # runs after which memory is told


@dataclass
class Work:
    """A model, and how its shapes are drawn."""

    model: ZooModel
    unit: str
    count: int
    draw: Callable[[random.Random], tuple[int, int]]  # their product counts the units
    shapes: Callable[[int, int], dict]


def picture(height: int, width: int) -> dict:
    return {"x": [1, 3, height, width]}


def texts(batch: int, length: int) -> dict:
    return {name: [batch, length] for name in ("input_ids", "attention_mask", "token_type_ids")}


def sides(source: random.Random) -> tuple[int, int]:
    return 32 * source.randint(3, 19), 32 * source.randint(3, 19)


def batches(source: random.Random) -> tuple[int, int]:
    return source.randint(1, 8), source.randint(8, 512)


WORKS = {
    "pictures": Work(next(model for model in ZOO if model.name == "ppocr_det"), "pixel", 500, sides, picture),
    "texts": Work(ANY_LENGTH, "token", 300, batches, texts),
}


def measure(engine: str, work: Work, options: argparse.Namespace, sizes: list[tuple[int, int]]) -> dict:
    setting = Setting(threads=options.threads, timeout=options.timeout, kiln_python=options.kiln_python)
    path, inputs = make_model(work.model, options.zoo)
    with Worker(engine, path, inputs, setting) as worker:
        wait_for_quiet(setting.quiet, options.patience)
        found = worker.ask(do="shapes", shapes=[work.shapes(*size) for size in sizes])
    resident = [mb - found["bare_mb"] for mb in found["resident_mb"]]
    return summary(sizes, found["seconds"], resident) | {"version": worker.greeting["version"]}


def measure_in_turns(work: Work, options: argparse.Namespace, sizes: list[tuple[int, int]]) -> dict:
    """Of each engine what measure() says, over the shapes that were measured undisturbed in all of them."""
    setting = Setting(threads=options.threads, timeout=options.timeout, kiln_python=options.kiln_python)
    path, inputs = make_model(work.model, options.zoo)
    all_shapes = [work.shapes(*size) for size in sizes]
    counted, seconds, resident = [], {}, {}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name, path, inputs, setting)) for name in options.engines}
        bare = {name: worker.ask(do="begin_shapes", shapes=all_shapes)["bare_mb"] for name, worker in workers.items()}
        for index, shapes in enumerate(all_shapes):
            undisturbed, found = True, {}
            for name, worker in workers.items():
                wait_for_quiet(setting.quiet, options.patience)
                busy, begin = busy_seconds(), time.perf_counter()
                found[name] = worker.ask(do="shape", shapes=shapes)
                wall = time.perf_counter() - begin
                others = busy_seconds() - busy - found[name]["cpu_seconds"]
                undisturbed = undisturbed and others <= setting.quiet * wall + 0.03  # the clock's steps
            for name, one in found.items():
                resident.setdefault(name, []).append(one["resident_mb"] - bare[name])
            if not undisturbed:
                continue
            counted.append(index)
            for name, one in found.items():
                seconds.setdefault(name, []).append(one["seconds"])
        versions = {name: worker.greeting["version"] for name, worker in workers.items()}
    return {name: summary([sizes[i] for i in counted], seconds.get(name, []), resident[name]) |
            {"version": versions[name], "sizes": [sizes[i] for i in counted]} for name in options.engines}


def summary(sizes: list[tuple[int, int]], seconds: list[float], resident: list[float]) -> dict:
    units = [a * b for a, b in sizes]
    first = min(100, len(sizes))
    per_unit = [1e9 * sum(some) / max(1, sum(of)) for some, of in ((seconds, units), (seconds[:first], units[:first]))]
    return {"ns_per_unit": per_unit[0], "ns_per_unit_first": per_unit[1],
            "resident_mb": {mark: resident[mark - 1] for mark in MARKS if mark <= len(resident)},
            "last_mb": resident[-1], "seconds": seconds, "all_resident_mb": resident}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(WORKS), help="with commas between them: %(default)s")
    parser.add_argument("--engines", default=",".join(ENGINES), help="with commas between them: %(default)s")
    parser.add_argument("--count", type=int, help="of shapes; otherwise 500 pictures, 300 texts")
    parser.add_argument("--seed", type=int, default=1, help="of the shapes (default %(default)s)")
    parser.add_argument("--turns", action="store_true", help="all engines at once, in turns, shape by shape")
    parser.add_argument("--threads", type=int, default=2, help="(default %(default)s)")
    parser.add_argument("--patience", type=float, default=20, metavar="S",
                        help="seconds to wait for other processes to be quiet (default %(default)s)")
    parser.add_argument("--timeout", type=float, default=3600, metavar="S", help="for one engine (default %(default)s)")
    parser.add_argument("--zoo", type=Path, default=ROOT / "build" / "zoo", help="where the models are kept")
    parser.add_argument("--kiln-python", type=Path, default=ROOT / "build" / "python", help="folder of the package")
    parser.add_argument("--json", type=Path, help="write all values into this file")
    options = parser.parse_args()
    options.only, options.engines = options.only.split(","), options.engines.split(",")
    if unknown := (set(options.only) - set(WORKS)) | (set(options.engines) - set(ENGINES)):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    return options


def print_line(engine: str, work: Work, found: dict) -> None:
    memory = ", ".join(f"{mb:.0f} after {mark}" for mark, mb in found["resident_mb"].items())
    counted = f", {len(found['seconds'])} shapes count" if "sizes" in found else ""
    print(f"  {TITLES[engine]:14} {found['ns_per_unit']:9.1f} ns per {work.unit}, {found['ns_per_unit_first']:9.1f} "
          f"over the first 100{counted}; MB: {memory}, {found['last_mb']:.1f} at last", flush=True)


def main() -> int:
    options = parse_arguments()
    results = {}
    for name in options.only:
        work = WORKS[name]
        source = random.Random(options.seed)
        sizes = [work.draw(source) for _ in range(options.count or work.count)]
        print(f"{name}: {len(sizes)} random shapes, {options.threads} threads")
        found = {}
        if options.turns:
            found = measure_in_turns(work, options, sizes)
        for engine in options.engines:
            try:
                one = found[engine] if options.turns else measure(engine, work, options, sizes)
            except WorkerError as error:
                print(f"  {TITLES[engine]:14} {error}")
                continue
            results.setdefault(name, {})[engine] = one
            print_line(engine, work, one)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
