"""The programs of examples/vision, in C++ and in Python, say the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import small_networks  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("KILN_BUILD_DIR", ROOT / "build")).resolve()
MODELS = Path(os.environ.get("KILN_OCR_MODELS", ROOT / "build" / "models" / "rapidocr_onnxruntime" / "models"))
PICTURES = Path(__file__).parent / "pictures"


def run(name, folder, *arguments):
    """What both programs print, which must be the same where both name the same things."""
    said = []
    for command in ([BUILD / "examples" / name], [sys.executable, ROOT / "examples" / "vision" / f"{name}.py"]):
        done = subprocess.run([*map(str, command), *map(str, arguments)], cwd=folder, capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": str(BUILD / "python")}, check=False)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    return said


def test_classify(tmp_path):
    native, python = run("classify", tmp_path, small_networks.mean_colours(tmp_path / "m.onnx"), PICTURES / "plain.bmp")
    assert native == python and native.splitlines()[0].split()[1] in ("red", "green", "blue")


def test_segment(tmp_path):
    native, python = run("segment", tmp_path, small_networks.echo(tmp_path / "m.onnx"), PICTURES / "plain.bmp")
    assert native == "the top left shows blue\n" and "blue: " in python
    assert (tmp_path / "coloured.png").exists()


def test_embed(tmp_path):
    native, python = run("embed", tmp_path, small_networks.mean_colours(tmp_path / "m.onnx"),
                         *(PICTURES / name for name in ("plain.bmp", "page.png", "turned.webp")))
    assert native == python and native.splitlines()[0] == f"1.000 {PICTURES / 'plain.bmp'}"


def test_detect_and_pose(tmp_path):
    boxes = np.zeros((1, 9, 7), np.float32)
    boxes[0, 3] = 8, 8, 6, 6, 0.9, 1, 0
    detector = small_networks.same_answer(tmp_path / "detector.onnx", [boxes])
    native, python = run("detect", tmp_path, detector, PICTURES / "source.png")
    assert native.startswith("0 0.90: ") and len(native.splitlines()) == len(python.splitlines()) == 1
    assert (tmp_path / "found.png").exists()
    scores = [np.eye(17, 32, k, dtype=np.float32)[None] for k in (2, 5)]
    pose = small_networks.same_answer(tmp_path / "pose.onnx", scores)
    native, python = run("pose", tmp_path, detector, pose, PICTURES / "source.png")
    assert native == python and native.startswith("nose 1.00: ") and len(native.splitlines()) == 17
    assert (tmp_path / "joints.png").exists()


@pytest.mark.skipif(not MODELS.is_dir(), reason="no OCR models: scripts/run_demo.sh fetches them")
def test_ocr(tmp_path):
    native, python = run("ocr", tmp_path, *sorted(MODELS.glob("*.onnx")), PICTURES / "page.png")
    assert native == python and "picturejumps" in native


@pytest.mark.parametrize("name", ["ocr", "detect", "pose", "classify", "segment", "embed"])
def test_the_guide_shows_them(name):
    page = (ROOT / "docs" / "guide" / f"{name}.md").read_text()
    for ending, language in (("cpp", "cpp"), ("py", "python")):
        code = (ROOT / "examples" / "vision" / f"{name}.{ending}").read_text().split("\n", 1)[1].strip()
        assert f"```{language}\n{code}\n```" in page
