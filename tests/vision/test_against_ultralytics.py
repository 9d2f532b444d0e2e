"""Boxes of kiln.vision.Detector are those of ultralytics (requirements-real.txt), on 50 pictures."""
from pathlib import Path

import pytest

pytest.importorskip("ultralytics", reason="ultralytics is not installed (requirements-real.txt)")
pytest.importorskip("onnxscript", reason="onnxscript, which PyTorch exports with, is not installed")
import compare_detections  # noqa: E402
import numpy as np  # noqa: E402


@pytest.mark.parametrize("name", compare_detections.MODELS)
def test_the_same_boxes(name, tmp_path):
    found = compare_detections.compare(name, tmp_path)
    assert found.boxes > 500
    assert found.unmatched == 0
    assert found.unexplained == 0


def test_what_no_threshold_explains_is_seen():
    boxes = np.array([[0, 0, 10, 10, 0.9, 3], [100, 0, 110, 10, 0.8, 3], [200, 0, 210, 10, 0.2505, 3]], np.float32)
    moved = boxes + np.float32([1, 0, 1, 0, 0, 0])
    for other, different, unclear in [(boxes, 0, 0), (boxes[1:], 1, 1), (boxes[:2], 1, 0), (moved, 6, 6 - 2)]:
        assert compare_detections.unmatched(boxes, other) == different
        assert compare_detections.unexplained(boxes, other, agnostic=False) == unclear


def test_the_shipped_detector():
    path = Path(__file__).resolve().parents[2] / "assets" / "models" / "scenes.onnx"
    if not path.exists():
        pytest.skip("no detector in assets/models")
    found = compare_detections.compare_shipped(path)
    assert found.boxes > 0 and found.unmatched == 0
