"""Runs the workers of bench/engines/ and keeps an eye on what else the machine does meanwhile."""
from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from convert import NotConverted, to_kiln, to_mnn, to_ncnn

ROOT = Path(__file__).resolve().parent.parent
PEERS = ["onnxruntime", "openvino", "mnn", "ncnn"]
ENGINES = ["kiln", "kiln_memory", *PEERS]
TITLES = {"kiln": "Kiln", "kiln_memory": "Kiln, for memory", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO",
          "mnn": "MNN", "ncnn": "ncnn"}
# Which peers heed ONEDNN_MAX_CPU_ISA; the others choose their kernels by CPUID alone.
LIMITABLE = {"kiln", "kiln_memory", "openvino"}
SLICE = 0.5  # seconds of running between two looks at the rest of the machine


class WorkerError(Exception):
    pass


@dataclass
class Setting:
    """What a comparison is about; the same for every model."""

    threads: int = 2
    seconds: float = 2
    isa: str | None = None
    prefer: str | None = None
    clock: str = "wall"
    quiet: float = 0.1  # CPUs that others may use while a measurement counts
    patience: float = 20  # seconds to spend on a measurement where others do not let it be quiet
    timeout: float = 600
    kiln: Path = ROOT / "build" / "kiln"
    kiln_python: Path = ROOT / "build" / "python"
    variables: dict[str, str] = field(default_factory=dict)  # more of the worker's environment, such as knobs

    def environment(self) -> dict:
        variables = {name: value for name, value in os.environ.items() if not name.startswith("KILN_")}
        variables["PYTHONPATH"] = str(self.kiln_python.resolve())
        if self.isa:
            variables["KILN_ISA"] = self.isa
            variables["ONEDNN_MAX_CPU_ISA"] = self.isa.upper()
        return variables | self.variables


def prepare(engine: str, model: Path, inputs: Path, setting: Setting) -> Path:
    """The file that the engine loads."""
    match engine:
        case "mnn":
            return to_mnn(model, inputs)
        case "ncnn":
            return to_ncnn(model, inputs)
        case "kiln" | "kiln_memory":
            prefer = "memory" if engine == "kiln_memory" else setting.prefer
            return to_kiln(setting.kiln, model, setting.threads, setting.isa, prefer, setting.environment())
    return model


class Worker:
    """One engine in a process of its own."""

    def __init__(self, engine: str, file: Path, inputs: Path, setting: Setting) -> None:
        script = ROOT / "bench" / "engines" / f"{engine.removesuffix('_memory')}_worker.py"
        command = [sys.executable, str(script), str(file), str(inputs), "--threads", str(setting.threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=setting.environment(),
                                        start_new_session=True)
        self.watch = threading.Timer(setting.timeout, self.kill)
        self.watch.start()
        self.greeting = self.read()

    def __enter__(self) -> Worker:
        return self

    def kill(self) -> None:
        """The worker, and what its library has started beside it (OpenVINO forks)."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def __exit__(self, *_) -> None:
        self.watch.cancel()
        self.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def read(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            name = signal.Signals(-code).name if code < 0 else f"exit status {code}"
            self.__exit__()
            raise WorkerError(f"the process ended with {name}")
        message = json.loads(line)
        if "error" in message:
            self.__exit__()
            raise WorkerError(message["error"])
        return message

    def ask(self, **request) -> dict:
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self.read()

    def run(self, setting: Setting) -> dict:
        """Runs in slices until those that others left undisturbed add up; the quietest one where there is none."""
        slices, begin = [], time.perf_counter()
        while True:
            busy, start = busy_seconds(), time.perf_counter()
            found = self.ask(do="run", seconds=min(setting.seconds, SLICE))
            wall = time.perf_counter() - start
            found |= {"others": max(0.0, (busy_seconds() - busy - found.pop("cpu_seconds")) / wall), "wall": wall}
            slices.append(found)
            # CPU time hardly changes when others take the CPU away.
            quiet = [one for one in slices if setting.clock == "cpu" or one["others"] <= setting.quiet]
            spent = time.perf_counter() - begin
            if sum(one["wall"] for one in quiet) >= setting.seconds or spent > max(setting.patience, setting.seconds):
                break
            if setting.clock == "wall" and found["others"] > setting.quiet:
                wait_for_quiet(setting.quiet, setting.patience - spent)
        kept = quiet or [min(slices, key=lambda one: one["others"])]
        return {"median_ms": statistics.median(one["median_ms"] for one in kept),
                "min_ms": min(one["min_ms"] for one in kept),
                "cpu_ms": statistics.median(one["cpu_ms"] for one in kept), "runs": sum(one["runs"] for one in kept),
                "others": max(one["others"] for one in kept), "slices": slices}


def busy_seconds() -> float:
    """CPU-seconds that the whole machine has worked, the hypervisor's theft included."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _idle, _wait, irq, softirq, steal = fields
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(limit: float, seconds: float) -> None:
    """Waits until the machine idles, `seconds` at most."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        busy, begin = busy_seconds(), time.perf_counter()
        time.sleep(0.1)
        if (busy_seconds() - busy) / (time.perf_counter() - begin) <= limit:
            return


def measure_once(engine: str, file: Path, inputs: Path, setting: Setting) -> dict:
    """Load time, time to first result, latency and memory of a fresh process."""
    with Worker(engine, file, inputs, setting) as worker:
        found = {"version": worker.greeting["version"], "bare_mb": worker.greeting["bare_mb"]}
        if setting.clock == "wall":
            wait_for_quiet(setting.quiet, setting.patience / 4)
        found |= worker.ask(do="load")
        found |= worker.run(setting)
        found |= worker.ask(do="memory")
    return found


def measure_sharing(engine: str, file: Path, inputs: Path, setting: Setting) -> dict:
    """What two processes with one file take of memory, over what they took before loading it: pages that both have
    count half in each one's pss."""
    with Worker(engine, file, inputs, setting) as one, Worker(engine, file, inputs, setting) as other:
        before = [worker.ask(do="footprint") for worker in (one, other)]
        for worker in (one, other):
            worker.ask(do="load")
        after = [worker.ask(do="footprint") for worker in (one, other)]
    return {f"two_{field}": sum(found[field] - bare[field] for found, bare in zip(after, before))
            for field in ("rss_mb", "pss_mb")}


def reference_outputs(model: Path, inputs: Path, setting: Setting) -> dict[str, np.ndarray] | None:
    """ONNX Runtime's outputs, kept beside the model; None where it is not installed."""
    path = model.with_name(f"{model.stem}.expected.npz")
    if not path.exists() or path.stat().st_mtime < model.stat().st_mtime:
        try:
            save_outputs("onnxruntime", model, inputs, path, setting)
        except WorkerError:
            return None
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def save_outputs(engine: str, file: Path, inputs: Path, path: Path, setting: Setting) -> None:
    with Worker(engine, file, inputs, setting) as worker:
        worker.ask(do="load")
        worker.ask(do="outputs", path=str(path))


def difference(expected: dict, found: dict) -> float:
    """The largest over all outputs of largest absolute difference over largest absolute value."""
    if set(expected) <= set(found):
        pairs = [(expected[name], found[name]) for name in expected]
    elif len(expected) == len(found):
        pairs = list(zip(expected.values(), found.values()))
    else:
        return float("inf")
    worst = 0.0
    for wanted, got in pairs:
        if wanted.size != got.size:  # ncnn has no batch dim
            return float("inf")
        a, b = wanted.astype(np.float64).ravel(), got.astype(np.float64).ravel()
        if not np.isfinite(b).all():
            return float("inf")
        worst = max(worst, float(np.abs(a - b).max() / max(np.abs(a).max(), 1e-30)))
    return worst


def check(engine: str, file: Path, inputs: Path, expected: dict, setting: Setting) -> float:
    path = inputs.with_name(f".{inputs.stem}.{engine}.npz")
    try:
        save_outputs(engine, file, inputs, path, setting)
        with np.load(path) as found:
            return difference(expected, {name: found[name] for name in found.files})
    finally:
        path.unlink(missing_ok=True)


def measure_model(model: Path, inputs: Path, engines: list[str], rounds: int, setting: Setting, tell) -> dict:
    """All engines on one model in interleaved rounds: engine -> {"difference", "rounds"} or {"skipped"}."""
    expected = reference_outputs(model, inputs, setting)
    results, files = {}, {}
    for engine in engines:
        try:
            tell(f"{model.stem}: preparing {TITLES[engine]}")
            files[engine] = prepare(engine, model, inputs, setting)
            results[engine] = {"rounds": []}
            if expected is not None:
                results[engine]["difference"] = check(engine, files[engine], inputs, expected, setting)
        except (NotConverted, WorkerError) as error:
            results[engine] = {"skipped": str(error)}
    for number in range(rounds):
        for engine in engines:
            if "skipped" in results[engine]:
                continue
            tell(f"{model.stem}: round {number + 1} of {rounds}, {TITLES[engine]}")
            try:
                results[engine]["rounds"].append(measure_once(engine, files[engine], inputs, setting))
            except WorkerError as error:
                results[engine] = {"skipped": str(error)}
    if "kiln" in results and "skipped" not in results["kiln"]:
        tell(f"{model.stem}: two processes")
        results["kiln"]["sharing"] = measure_sharing("kiln", files["kiln"], inputs, setting)
    return results
