"""Boxes of kiln.vision.Detector are those of ultralytics (requirements-real.txt), on 50 pictures."""
from pathlib import Path

import pytest

pytest.importorskip("ultralytics", reason="ultralytics is not installed (requirements-real.txt)")
pytest.importorskip("onnxscript", reason="onnxscript, which PyTorch exports with, is not installed")
import compare_detections  # noqa: E402


@pytest.mark.parametrize("name", compare_detections.MODELS)
def test_the_same_boxes(name, tmp_path):
    found = compare_detections.compare(name, tmp_path)
    assert found.boxes > 500
    # Ultralytics moves classes apart by 7,680 pixels each, in single precision: overlaps that are the threshold to four
    # digits fall on its other side.
    assert found.unmatched <= 0.001 * found.boxes
    assert found.unmatched_of_torch <= 0.02 * found.boxes


def test_the_shipped_detector():
    path = Path(__file__).resolve().parents[2] / "assets" / "models" / "scenes.onnx"
    if not path.exists():
        pytest.skip("no detector in assets/models")
    found = compare_detections.compare_shipped(path)
    assert found.boxes > 0 and found.unmatched <= 0.001 * found.boxes
