"""Turns ONNX files into what MNN, ncnn and Kiln load, beside the model, once for each version of the converter."""
from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np

SECONDS = 600


class NotConverted(Exception):
    """Says why an engine cannot take a model."""


def tool(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise NotConverted(f"{name} is not installed")
    return found


def run_tool(command: list[str], folder: Path, environment: dict | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=SECONDS,
                              env=environment)
    except subprocess.TimeoutExpired:
        raise NotConverted(f"{Path(command[0]).name} did not end in {SECONDS} s") from None
    if done.returncode != 0:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:] or ["nothing printed"]
        raise NotConverted(f"{Path(command[0]).name} failed ({done.returncode}): {last[0][:150]}")
    return done.stdout + done.stderr


def folder_for(model: Path, library: str) -> Path:
    """Where the converted model is kept: of another version of the library it is another one."""
    folder = model.parent / f"{library}-{metadata.version(library)}" / model.stem
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def remember(folder: Path, make) -> None:
    """Runs `make` once; a failure is remembered too, since it takes as long the next time."""
    done, failed = folder / "done", folder / "failed"
    if failed.exists():
        raise NotConverted(failed.read_text())
    if done.exists():
        return
    try:
        make()
    except NotConverted as error:
        failed.write_text(str(error))
        raise
    done.write_text("")


def to_mnn(model: Path, inputs: Path) -> Path:
    folder = folder_for(model, "MNN")
    made = folder / "model.mnn"

    def make():
        import onnx

        printed = run_tool([tool("mnnconvert"), "-f", "ONNX", "--modelFile", str(model.resolve()), "--MNNModel",
                            made.name, "--bizCode", "zoo"], folder)
        if not made.exists():
            raise NotConverted("mnnconvert: " + (printed.strip().splitlines()[-1:] or ["wrote no model"])[0][:150])
        graph = onnx.load(str(model), load_external_data=False).graph
        (folder / "model.mnn.outputs").write_text("\n".join(port.name for port in graph.output))
        (folder / "model.mnn.kind").write_text("module" if "MNN::Express::Module" in printed else "session")

    remember(folder, make)
    return made


def to_ncnn(model: Path, inputs: Path) -> Path:
    folder = folder_for(model, "pnnx")
    made = folder / "model.ncnn.param"

    def make():
        link = folder / "model.onnx"
        link.unlink(missing_ok=True)
        link.symlink_to(model.resolve())
        names = {"float32": "f32", "int64": "i64"}
        with np.load(inputs) as file:
            shapes = ",".join(f"[{','.join(map(str, file[name].shape))}]{names[str(file[name].dtype)]}"
                              for name in file.files)
        printed = run_tool([tool("pnnx"), link.name, f"inputshape={shapes}", "fp16=0"], folder)
        for file in folder.glob("model.pnnx*"):
            file.unlink()
        if not made.exists():
            raise NotConverted("pnnx: " + (printed.strip().splitlines()[-1:] or ["wrote no model"])[0][:150])
        # Layers that ncnn does not know are left under their PyTorch or ONNX names.
        unknown = {line.split()[0] for line in made.read_text().splitlines()[2:]
                   if "." in line.split()[0] or "::" in line.split()[0]}
        if unknown:
            raise NotConverted(f"pnnx left {', '.join(sorted(unknown))[:150]}")

    remember(folder, make)
    return made


def to_kiln(program: Path, model: Path, threads: int, isa: str | None, prefer: str | None, environment: dict) -> Path:
    """The engine that `kiln build` makes; the ONNX file itself where the program has no such command."""
    if not program.exists():
        raise NotConverted(f"{program} is not built")
    if "Usage: kiln build" not in subprocess.run([program, "build", "--help"], capture_output=True, text=True).stdout:
        return model
    folder = model.parent / "kiln"
    folder.mkdir(exist_ok=True)
    made = folder / f"{model.stem}-{threads}-{isa or 'native'}-{prefer or 'balanced'}.kiln"
    libraries = [program, *program.parent.glob("libkiln*.so")]
    if made.exists() and made.stat().st_mtime > max(file.stat().st_mtime for file in [model, *libraries]):
        return made
    command = [str(program.resolve()), "build", str(model.resolve()), "-o", str(made.resolve()), "--threads",
               str(threads)]
    if prefer:
        command += ["--prefer", prefer]
    run_tool(command, folder, environment)
    return made
