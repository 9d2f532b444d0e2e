"""What every engine's worker does: one engine, one model, one process, driven by JSON lines.

A worker is started as `python NAME_worker.py MODEL INPUTS.npz --threads N [--isa ISA] [--prefer WHAT]`, imports its
library and says {"version", "bare_mb"}. Then it answers one line for each line that it reads:

    {"do": "load"}                 loads the model and runs it once: load_ms, first_ms (both together), and
                                   load_cpu_ms, first_cpu_ms
    {"do": "run", "seconds": S}    runs for about S seconds: median_ms, min_ms, cpu_ms (median), runs,
                                   cpu_seconds (of all runs, warming up included)
    {"do": "memory"}               MB over the bare process: peak, running (peak of some runs after loading), resident
    {"do": "footprint"}            MB of the whole process as it is: rss_mb, and pss_mb, where a page that n processes
                                   have counts 1/n
    {"do": "shapes", "shapes": L}  loads the model and runs it once for each of a list of shapes (input -> dims), with
                                   the inputs' elements over and over: of each run seconds, and resident_mb after it
    {"do": "begin_shapes", "shapes": L}  loads the model for them; then {"do": "shape", "shapes": S} runs it once:
                                   seconds, cpu_seconds, resident_mb
    {"do": "outputs", "path": P}   writes the outputs of a run to P, a .npz file

An answer with "error" means that the engine cannot do it. Whatever a library prints goes to stderr.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np


def memory_mb(field: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def shared_out_mb() -> float:
    """The process's memory with its part of what it shares."""
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no Pss in /proc/self/smaps_rollup")


class Engine:
    """One engine with one model. A worker imports its library in __init__, not before."""

    version = ""

    def __init__(self, options: argparse.Namespace, feeds: dict[str, np.ndarray]) -> None:
        """Imports the library and starts what every program that uses it pays for."""

    def load(self) -> None:
        """Makes the model ready to run on the feeds."""
        raise NotImplementedError

    def run(self) -> None:
        """One run, from inputs in plain arrays to outputs in plain arrays."""
        raise NotImplementedError

    def feed(self, feeds: dict[str, np.ndarray]) -> None:
        """What the runs after it are fed; their shapes may be others than before."""
        raise NotImplementedError(f"{type(self).__name__} does not change its inputs")

    def outputs(self) -> dict[str, np.ndarray]:
        """Those of the last run."""
        raise NotImplementedError


class Pool:
    """Arrays of any shape in the same memory, so that what a process holds does not change with its inputs."""

    def __init__(self, feeds: dict[str, np.ndarray], all_shapes: list[dict]) -> None:
        self.elements = {}
        for name, array in feeds.items():
            most = max(int(np.prod(shapes[name])) for shapes in all_shapes)
            self.elements[name] = np.resize(array, most)

    def feeds(self, shapes: dict) -> dict[str, np.ndarray]:
        return {name: self.elements[name][:int(np.prod(dims))].reshape(dims) for name, dims in shapes.items()}


class Worker:
    def __init__(self, engine: Engine, bare_mb: float) -> None:
        self.engine, self.bare_mb = engine, bare_mb

    def answer(self, request: dict) -> dict:
        match request["do"]:
            case "load":
                return self.load()
            case "run":
                return self.run(request["seconds"])
            case "memory":
                return self.memory()
            case "footprint":
                return {"rss_mb": memory_mb("VmRSS"), "pss_mb": shared_out_mb()}
            case "shapes":
                return self.run_shapes(request["shapes"])
            case "begin_shapes":
                return self.begin_shapes(request["shapes"])
            case "shape":
                return self.run_shape(request["shapes"])
            case "outputs":
                self.engine.run()
                np.savez(request["path"], **self.engine.outputs())
                return {}
        raise ValueError(f"unknown request {request}")

    def load(self) -> dict:
        def clocks():
            return time.perf_counter(), time.process_time()

        begin = clocks()
        self.engine.load()
        ready = clocks()
        self.engine.run()
        done = clocks()
        return {"load_ms": 1e3 * (ready[0] - begin[0]), "first_ms": 1e3 * (done[0] - begin[0]),
                "load_cpu_ms": 1e3 * (ready[1] - begin[1]), "first_cpu_ms": 1e3 * (done[1] - begin[1])}

    def run(self, seconds: float) -> dict:
        begun_cpu = time.process_time()
        warm_until = time.perf_counter() + 0.15 * seconds
        self.engine.run()
        while time.perf_counter() < warm_until:
            self.engine.run()
        times, cpu_times = [], []
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds or len(times) < 3:
            start, cpu_start = time.perf_counter(), time.process_time()
            self.engine.run()
            times.append(1e3 * (time.perf_counter() - start))
            cpu_times.append(1e3 * (time.process_time() - cpu_start))
        return {"median_ms": statistics.median(times), "min_ms": min(times), "cpu_ms": statistics.median(cpu_times),
                "runs": len(times), "cpu_seconds": time.process_time() - begun_cpu}

    def begin_shapes(self, all_shapes: list[dict]) -> dict:
        self.pool = Pool(self.engine.feeds, all_shapes)  # kept: libraries read the last inputs in later runs too
        self.bare_mb = memory_mb("VmRSS")
        self.engine.load()
        return {"bare_mb": self.bare_mb}

    def run_shape(self, shapes: dict) -> dict:
        self.engine.feed(self.pool.feeds(shapes))
        begin, begin_cpu = time.perf_counter(), time.process_time()
        self.engine.run()
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "cpu_seconds": time.process_time() - begin_cpu, "resident_mb": memory_mb("VmRSS")}

    def run_shapes(self, all_shapes: list[dict]) -> dict:
        bare = self.begin_shapes(all_shapes)
        found = [self.run_shape(shapes) for shapes in all_shapes]
        return bare | {name: [one[name] for one in found] for name in ("seconds", "resident_mb")}

    def memory(self) -> dict:
        peak = memory_mb("VmHWM") - self.bare_mb
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        for _ in range(3):
            self.engine.run()
        return {"peak_mb": peak, "running_mb": memory_mb("VmHWM") - self.bare_mb,
                "resident_mb": memory_mb("VmRSS") - self.bare_mb}


def serve(make) -> None:
    """Runs a worker until its input ends; `make` is an Engine's class."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("inputs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--isa")
    parser.add_argument("--prefer")
    options = parser.parse_args()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def reply(message: dict) -> None:
        replies.write(json.dumps(message) + "\n")
        replies.flush()

    with np.load(options.inputs) as file:
        feeds = {name: file[name] for name in file.files}
    try:
        engine = make(options, feeds)
    except Exception as error:
        reply({"error": f"{type(error).__name__}: {error}"[:300]})
        return
    Path("/proc/self/clear_refs").write_text("5")
    bare = memory_mb("VmRSS")
    worker = Worker(engine, bare)
    reply({"version": engine.version, "bare_mb": bare})
    for line in sys.stdin:
        try:
            reply(worker.answer(json.loads(line)))
        except Exception as error:
            reply({"error": f"{type(error).__name__}: {error}"[:300]})
