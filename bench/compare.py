#!/usr/bin/env python3
"""Compares Kiln with ONNX Runtime, OpenVINO, MNN and ncnn on the models of bench/zoo.py.

    python -m venv zoo && zoo/bin/pip install -r requirements-bench.txt
    zoo/bin/python bench/compare.py [--only resnet50,vgg16] [--engines kiln,onnxruntime] [--isa avx2] ...

Every engine runs in its own process, one at a time, in interleaved rounds (A B C A B C ...); the time of a model is the
least of its rounds' medians. What is measured while other processes are busy does not count. Models are made, and
converted for MNN and ncnn, where they are missing; Kiln runs the engine that `kiln build` makes.
"""
from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import ENGINES, ROOT, Setting, measure_model  # noqa: E402
from report import Results, machine, markdown, print_report  # noqa: E402
from zoo import chosen_models, make_model  # noqa: E402


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="models, with commas between them")
    parser.add_argument("--engines", default=",".join(ENGINES), help="with commas between them: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="(default %(default)s)")
    parser.add_argument("--seconds", type=float, default=2, help="of running in each round (default %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(default %(default)s)")
    parser.add_argument("--isa", choices=["avx2"], help="limit the engines that can be limited")
    parser.add_argument("--prefer", choices=["balanced", "speed", "memory"], help="handed to `kiln build`")
    parser.add_argument("--patience", type=float, default=20, metavar="S",
                        help="seconds to spend on a measurement that other processes disturb (default %(default)s)")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall",
                        help="what times are: cpu takes the CPU time of the process, which hardly changes on a busy "
                        "machine, and needs --threads 1 (default %(default)s)")
    parser.add_argument("--zoo", type=Path, default=ROOT / "build" / "zoo", help="where the models are kept")
    parser.add_argument("--kiln", type=Path, default=ROOT / "build" / "kiln", help="the program")
    parser.add_argument("--kiln-python", type=Path, default=ROOT / "build" / "python", help="folder of the package")
    parser.add_argument("--json", type=Path, help="write all values into this file, after every model")
    parser.add_argument("--from", dest="source", type=Path, help="measure nothing: report what --json wrote earlier")
    parser.add_argument("--write", type=Path, help="write the report as Markdown, as in docs/benchmarks.md")
    options = parser.parse_args()
    options.engines = options.engines.split(",")
    if unknown := set(options.engines) - set(ENGINES):
        parser.error(f"no such engine: {', '.join(sorted(unknown))}; there are {', '.join(ENGINES)}")
    if options.clock == "cpu" and options.threads != 1:
        parser.error("--clock cpu needs --threads 1: threads that wait for each other use CPU time too")
    return options


def tell(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def measure_all(options: argparse.Namespace) -> dict:
    setting = Setting(threads=options.threads, seconds=options.seconds, isa=options.isa, prefer=options.prefer,
                      clock=options.clock, patience=options.patience, kiln=options.kiln,
                      kiln_python=options.kiln_python)
    data = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "options": {name: getattr(options, name)
                    for name in ("engines", "rounds", "seconds", "threads", "isa", "prefer", "clock")},
        "versions": {},
        "models": {},
    }
    for model in chosen_models(options.only):
        tell(f"{model.name}: making the model")
        path, inputs = make_model(model, options.zoo)
        found = measure_model(path, inputs, options.engines, options.rounds, setting, tell)
        tell("")
        data["models"][model.name] = found
        for engine, cell in found.items():
            if cell.get("rounds"):
                data["versions"][engine] = cell["rounds"][0]["version"]
        one = Results({**data, "models": {model.name: found}})
        print(f"{model.name:20}", *[f"{engine} {one.value(model.name, engine, one.time_field) or float('nan'):.2f}"
                                   for engine in one.engines], flush=True)
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(data, indent=1))
    return data


def main() -> int:
    options = parse_arguments()
    results = Results(json.loads(options.source.read_text()) if options.source else measure_all(options))
    print_report(results)
    if options.write:
        options.write.write_text(markdown(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
