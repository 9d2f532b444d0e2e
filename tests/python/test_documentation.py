"""The examples of README.md and docs/python.md run as they stand there."""
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from onnx import helper

import kiln
import small_models

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = str(Path(kiln.__file__).parents[1])
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROGRAM = """
import numpy as np
import onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
print(onnxruntime.__name__, session.run(None, {"x": np.zeros((1, 3, 224, 224), np.float32)})[0].shape)
"""


def examples():
    for name in ("README.md", "docs/python.md"):
        for index, code in enumerate(BLOCK.findall((ROOT / name).read_text(encoding="utf-8"))):
            yield pytest.param(code, id=f"{Path(name).stem}-{index}")


@pytest.fixture
def folder(tmp_path):
    shape = [1, 3, 224, 224]
    model = small_models.model([helper.make_node("GlobalAveragePool", ["x"], ["y"])],
                               [small_models.tensor("x", small_models.FLOAT, ["n", *shape[1:]])],
                               [small_models.tensor("y", small_models.FLOAT, ["n", 3, 1, 1])])
    (tmp_path / "model.onnx").write_bytes(model)
    return tmp_path


def run(folder, *arguments):
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False,
                          env={**os.environ, "PYTHONPATH": PACKAGES, "KILN_ENGINE_CACHE": "off"})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("code", list(examples()))
def test_an_example(code, folder):
    needs = re.match(r"# needs: (.*)", code)
    missing = [name for name in (needs[1].split(", ") if needs else []) if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    assert "warning" not in run(folder, "-c", code).lower()


def test_the_drop_in(folder):
    (folder / "program.py").write_text(PROGRAM)
    assert "python -m kiln.dropin program.py" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert run(folder, "-m", "kiln.dropin", "program.py") == "kiln.onnxruntime (1, 3, 1, 1)\n"


def test_the_readme_has_a_start_for_each():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    starts = [code for code in BLOCK.findall(text)]
    assert len(starts) == 4
    for code in starts:
        assert len([line for line in code.splitlines() if line and not line.startswith("#")]) <= 5
