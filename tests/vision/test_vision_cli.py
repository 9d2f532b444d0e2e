"""kiln ocr and kiln detect as a user calls them. The OCR models are those that scripts/run_demo.sh fetches."""

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
MODELS = Path(os.environ.get("KILN_OCR_MODELS", ROOT / "build" / "models" / "rapidocr_onnxruntime" / "models"))
PAGE = Path(__file__).parent / "pictures" / "page.png"
# As rapidocr-onnxruntime 1.4.4 reads it.
LINES = [("\u5b66\u4e60\u63a8\u7406\u5f15\u64ce\u6587", [[20, 21], [161, 22], [161, 43], [20, 43]]),
         ("picturejumps", [[20, 67], [145, 68], [145, 89], [20, 88]])]


def kiln(*arguments):
    return subprocess.run([KILN, *map(str, arguments)], capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(not MODELS.is_dir(), reason="no OCR models: scripts/run_demo.sh fetches them")
def test_ocr_reads_a_page(tmp_path):
    drawn = tmp_path / "read.png"
    done = kiln("ocr", *sorted(MODELS.glob("*.onnx")), PAGE, "--json", "-o", drawn)
    assert done.returncode == 0, done.stderr
    [page] = json.loads(done.stdout)
    assert [line["text"] for line in page["lines"]] == [text for text, _ in LINES]
    for line, (_, box) in zip(page["lines"], LINES):
        for corner, wanted in zip(line["box"], box):
            assert abs(corner[0] - wanted[0]) <= 1 and abs(corner[1] - wanted[1]) <= 1
    assert set(page["times_ms"]) >= {"decode", "detect", "recognise", "draw and write"}
    assert drawn.read_bytes().startswith(b"\x89PNG") and drawn.read_bytes() != PAGE.read_bytes()


@pytest.mark.skipif(not MODELS.is_dir(), reason="no OCR models: scripts/run_demo.sh fetches them")
def test_ocr_needs_a_recogniser():
    done = kiln("ocr", next(MODELS.glob("*det*.onnx")), PAGE)
    assert done.returncode == 1 and "recogniser" in done.stderr


@pytest.mark.parametrize("command", ["ocr", "detect"])
def test_files_are_told_apart(command, tmp_path):
    assert "no engine" in kiln(command, PAGE).stderr
    model = tmp_path / "empty.onnx"
    model.write_bytes(b"")
    assert "no picture" in kiln(command, model).stderr
    assert kiln(command, PAGE, tmp_path / "absent.png").returncode == 2
