"""Puts the results of a comparison into tables: for the terminal and for docs/benchmarks.md."""
from __future__ import annotations

import math
import os
import statistics
import subprocess
from pathlib import Path

from measure import LIMITABLE, PEERS, TITLES
from zoo import ZOO

WRONG = 1e-2  # an engine whose outputs differ by more is no peer to compare with


def geometric_mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values)) if values else float("nan")


def machine() -> dict:
    """CPU, caches, memory and kernel of this machine."""
    listing = subprocess.run(["lscpu"], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout
    facts = dict(line.split(":", 1) for line in listing.splitlines() if ":" in line)
    facts = {name.strip(): value.strip() for name, value in facts.items()}
    flags = set(facts.get("Flags", "").split())
    wanted = ["avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"]
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "cpu": facts.get("Model name", "unknown"),
        "family": f"family {facts.get('CPU family', '?')}, model {facts.get('Model', '?')}",
        "cores": os.cpu_count(),
        "caches": ", ".join(f"{name.removesuffix(' cache')} {facts[name]}"
                            for name in ("L1d cache", "L2 cache", "L3 cache") if name in facts),
        "features": " ".join(name for name in wanted if name in flags),
        "virtual": facts.get("Hypervisor vendor", ""),
        "memory_gb": round(int(memory.split()[1]) / 2**20, 1),
        "kernel": os.uname().release.partition("-")[0],
    }


class Results:
    """What compare.py measured, as its JSON holds it."""

    def __init__(self, data: dict) -> None:
        self.data = data
        self.engines = [engine for engine in TITLES if engine in data["options"]["engines"]]
        self.models = list(data["models"])
        is_cpu = data["options"].get("clock") == "cpu"
        self.time_field = "cpu_ms" if is_cpu else "median_ms"
        self.load_fields = ["load_cpu_ms", "first_cpu_ms"] if is_cpu else ["load_ms", "first_ms"]

    def cell(self, model: str, engine: str) -> dict:
        return self.data["models"][model].get(engine, {"skipped": "not asked for"})

    def value(self, model: str, engine: str, field: str) -> float | None:
        """The least of all rounds (of memory the middle one); None where the engine has none or answers wrongly."""
        cell = self.cell(model, engine)
        if not cell.get("rounds") or cell.get("difference", 0) > WRONG:
            return None
        values = [found[field] for found in cell["rounds"]]
        return statistics.median(values) if field.endswith("_mb") else min(values)

    def is_limited(self, engine: str) -> bool:
        return not self.data["options"]["isa"] or engine in LIMITABLE

    def best_peer(self, model: str) -> tuple[float, str] | None:
        """Among the peers that were limited as Kiln was."""
        values = [(self.value(model, engine, self.time_field), engine) for engine in PEERS
                  if self.is_limited(engine) and engine in self.engines]
        return min((pair for pair in values if pair[0] is not None), default=None)

    def ratio(self, model: str, engine: str = "kiln") -> float | None:
        best, ours = self.best_peer(model), self.value(model, engine, self.time_field)
        return best[0] / ours if best and ours else None

    def against(self, model: str, field: str, engine: str, other: str = "kiln") -> float | None:
        """What one engine takes over what another takes."""
        theirs, ours = self.value(model, engine, field), self.value(model, other, field)
        return theirs / ours if theirs and ours else None


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 200 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"


def ratio_text(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def unit(results: Results) -> str:
    return "CPU ms" if results.time_field == "cpu_ms" else "ms"


def time_rows(results: Results) -> list[list[str]]:
    rows = []
    for model in results.models:
        best, row = results.best_peer(model), [model]
        for engine in results.engines:
            text = number(results.value(model, engine, results.time_field))
            row.append(text + "*" if best and best[1] == engine else text)
        rows.append(row + [ratio_text(results.ratio(model))])
    return rows


def field_rows(results: Results, fields: list[str]) -> list[list[str]]:
    return [[model] + [" / ".join(number(results.value(model, engine, field)) for field in fields)
                       for engine in results.engines] for model in results.models]


def headings(results: Results, *more: str) -> list[str]:
    return ["model"] + [TITLES[engine] for engine in results.engines] + list(more)


def text_table(heading: list[str], rows: list[list[str]]) -> str:
    widths = [max(len(row[i]) for row in [heading] + rows) for i in range(len(heading))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) for row in [heading] + rows)


def markdown_table(heading: list[str], rows: list[list[str]]) -> str:
    lines = [heading, ["---"] + ["---:"] * (len(heading) - 1)] + rows
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def summary(results: Results) -> list[str]:
    """What the ratios come to, a line each."""
    lines = []

    def tell(title: str, ratios: dict[str, float | None], extreme=min) -> None:
        known = {model: value for model, value in ratios.items() if value is not None}
        if known:
            worst = extreme(known, key=known.get)
            mean = geometric_mean(list(known.values()))
            lines.append(f"{title}: geometric mean {mean:.2f} over {len(known)} models, "
                         f"{'least' if extreme is min else 'most'} {known[worst]:.2f} ({worst})")

    tell("best peer's time / Kiln's", {model: results.ratio(model) for model in results.models})
    for peer in [engine for engine in results.engines if engine in PEERS]:
        tell(f"{TITLES[peer]}'s time / Kiln's",
             {model: results.against(model, results.time_field, peer) for model in results.models})
    for what, field in (("load", results.load_fields[0]), ("load and first result", results.load_fields[1])):
        tell(f"ONNX Runtime's {what} / Kiln's",
             {model: results.against(model, field, "onnxruntime") for model in results.models})
    for engine in ("kiln", "kiln_memory"):
        if engine in results.engines:
            tell(f"{TITLES[engine]}: extra peak memory / ONNX Runtime's",
                 {model: results.against(model, "peak_mb", engine, "onnxruntime") for model in results.models}, max)
    if "kiln_memory" in results.engines:
        ratios = {model: results.ratio(model, "kiln_memory") for model in results.models}
        tell(f"best peer's time / {TITLES['kiln_memory']}", ratios)
        known = [ratio for ratio in ratios.values() if ratio is not None]
        lines.append(f"{TITLES['kiln_memory']}: no slower than the best peer on {sum(r >= 1 for r in known)} of "
                     f"{len(known)} models")
    slowest = max((results.value(model, "kiln", results.load_fields[0]) or 0, model) for model in results.models)
    lines.append(f"Kiln's longest load: {number(slowest[0])} ms ({slowest[1]})")
    return lines


def remarks(results: Results) -> list[str]:
    """What a table cannot say: engines left out, wrong answers, noise."""
    lines = []
    for model in results.models:
        for engine in results.engines:
            cell = results.cell(model, engine)
            if "skipped" in cell:
                lines.append(f"{model}: {TITLES[engine]} left out: {cell['skipped']}")
            elif cell.get("difference", 0) > WRONG:
                lines.append(f"{model}: {TITLES[engine]} left out: its outputs differ from ONNX Runtime's by "
                             f"{cell['difference']:.1g}")
    noisy = sum(found["others"] > 0.1 for cells in results.data["models"].values() for cell in cells.values()
                for found in cell.get("rounds", []))
    total = sum(len(cell.get("rounds", [])) for cells in results.data["models"].values() for cell in cells.values())
    if noisy and results.time_field != "cpu_ms":
        lines.append(f"in {noisy} of {total} measurements other processes used more than 0.1 of a CPU")
    if isa := results.data["options"]["isa"]:
        free = [TITLES[engine] for engine in PEERS if not results.is_limited(engine)]
        lines.append(f"limited to {isa}: Kiln by KILN_ISA, OpenVINO by ONEDNN_MAX_CPU_ISA; {', '.join(free)} cannot be "
                     "limited and stand aside from the ratio")
    return lines


def print_report(results: Results) -> None:
    print(f"\n{unit(results)} a run (least of the rounds' medians; * the best peer), and best peer / Kiln")
    print(text_table(headings(results, "ratio"), time_rows(results)))
    print(f"\n{unit(results)} to load / to the first result, loading included")
    print(text_table(headings(results), field_rows(results, results.load_fields)))
    print("\nMB over the bare process: peak / resident after running")
    print(text_table(headings(results), field_rows(results, ["peak_mb", "resident_mb"])))
    if sharing_rows(results):
        print("\nMB of two processes that run one Kiln engine, what they share counted once")
        print(text_table(SHARING, sharing_rows(results)))
    print("\nlargest relative difference from ONNX Runtime's outputs")
    print(text_table(headings(results), difference_rows(results)))
    for line in [""] + summary(results) + remarks(results):
        print(line)


def sharing_rows(results: Results) -> list[list[str]]:
    found = {model: results.cell(model, "kiln").get("sharing") for model in results.models}
    return [[model, number(sharing["two_rss_mb"] / 2), number(sharing["two_pss_mb"])]
            for model, sharing in found.items() if sharing]


SHARING = ["model", "one process", "both together"]


def difference_rows(results: Results) -> list[list[str]]:
    def text(cell):
        return "-" if "difference" not in cell else f"{cell['difference']:.1e}"

    return [[model] + [text(results.cell(model, engine)) for engine in results.engines] for model in results.models]


def markdown(results: Results) -> str:
    """docs/benchmarks.md."""
    data, options, place = results.data, results.data["options"], results.data["machine"]
    title, command = "Benchmarks", "bench/compare.py --write docs/benchmarks.md"
    if isa := options["isa"]:
        title += f", limited to {isa.upper()}"
        command = f"bench/compare.py --isa {isa} --write docs/benchmarks-{isa}.md"
    versions = ", ".join(f"{TITLES[engine]} {data['versions'][engine]}" for engine in results.engines
                         if engine in data["versions"])
    virtual = f", virtual machine ({place['virtual']})" if place["virtual"] else ""
    words = {model.name: model.describe for model in ZOO}
    parts = [
        f"# {title}\n\nWritten by `{command}`; the models are made by `bench/zoo.py`.\n",
        f"- Machine: {place['cpu']} ({place['family']}{virtual}), {place['cores']} cores, {place['caches']}, "
        f"{place['memory_gb']} GB, {place['features']}, Linux {place['kernel']}; measured on {data['date']}.",
        f"- Engines: {versions}.",
        f"- fp32, batch 1, {options['threads']} threads. Every round starts each engine in turn in a process of its "
        f"own, one at a time, and runs it for {options['seconds']:g} s; {options['rounds']} rounds."
        + (f" `--prefer {options['prefer']}`." if options["prefer"] else "")
        + (" \"Kiln, for memory\" is built with `--prefer memory`." if "kiln_memory" in results.engines else ""),
        "- A run is from plain arrays to plain arrays."
        + (" Times are the CPU time of the process.\n" if results.time_field == "cpu_ms" else
           " What was measured while other processes used more than 0.1 of a CPU does not count.\n"),
        f"## Time of a run\n\nIn {unit(results)} a run, the least of the rounds' medians; * marks the best peer, and "
        "the ratio is its time "
        "over Kiln's.\n",
        markdown_table(headings(results, "ratio"), time_rows(results)) + "\n",
        *[f"- {line}" for line in summary(results)],
        f"\n## Loading\n\n{unit(results)} until the model is loaded / until the first result, loading included; "
        "files in the page "
        "cache.\n",
        markdown_table(headings(results), field_rows(results, results.load_fields)) + "\n",
        "## Memory\n\nResident MB over the bare process with the library imported: peak / after running. Mapped files "
        "count as far as they were touched.\n",
        markdown_table(headings(results), field_rows(results, ["peak_mb", "resident_mb"])) + "\n",
        *(["Two processes that run one Kiln engine, what they share counted once (PSS), in MB:\n",
           markdown_table(SHARING, sharing_rows(results)) + "\n"] if sharing_rows(results) else []),
        "## Differences\n\nLargest absolute difference from ONNX Runtime's outputs over the largest absolute value.\n",
        markdown_table(headings(results), difference_rows(results)) + "\n",
        "## Models\n",
        *[f"- {model}: {words.get(model, 'of the user')}" for model in results.models],
        "\n## Remarks\n" if remarks(results) else "",
        *([f"- {line}" for line in remarks(results)] + [""]),
    ]
    return "\n".join(parts).strip("\n") + "\n"
