"""The models of assets/models are as good as tools/train/README.md says, over fewer pictures than evaluate.py takes,
and their answers are those of a plain reading of what the networks give."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kiln
import kiln.vision

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "assets" / "models"


@pytest.mark.parametrize("model, score, least", [("scenes", "mAP@0.5", 0.85), ("figures", "PCK@0.2", 0.85),
                                                 ("masks", "mIoU", 0.7), ("icons", "accuracy", 0.85)])
def test_scores(model, score, least):
    program = ROOT / "tools" / "train" / "evaluate.py"
    ran = subprocess.run([sys.executable, program, "--pictures", "80", "--only", model, "--json"],
                         capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    parts = json.loads(ran.stdout)[score]
    assert sum(parts.values()) / len(parts) >= least, parts
    assert (MODELS / f"{model}.onnx").stat().st_size <= 4e6


def test_joints_are_where_the_network_says():
    scene = kiln.vision.load_picture(ROOT / "assets" / "pictures" / "scene.png")
    picture = np.ascontiguousarray(scene[200:200 + 128, 96:96 + 96])
    seen = (picture / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    pixels = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], np.float32)
    answers = kiln.Session(MODELS / "figures.onnx").run({"input": pixels})
    wanted = np.stack([answers[name][0].argmax(axis=1) / 2 for name in ("simcc_x", "simcc_y")], 1)
    [found] = kiln.vision.Pose(MODELS / "figures.onnx", padding=1).find(picture)
    np.testing.assert_allclose(found.joints[:, :2], wanted, atol=0.1)


def test_boxes_are_where_the_network_says():
    scene = kiln.vision.load_picture(ROOT / "assets" / "pictures" / "scene.png")
    picture = np.ascontiguousarray(scene[80:400, 80:400])
    pixels = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], np.float32) / 255
    rows = kiln.Session(MODELS / "scenes.onnx").run({"images": pixels})["output0"][0]
    objects = kiln.vision.Detector(MODELS / "scenes.onnx", score=0.5).detect(picture)
    assert len(objects) >= 3
    for found in objects:
        scores = rows[:, 4] * rows[:, 5 + found.class_index]
        best = np.argmin(np.abs(scores - found.score))
        assert abs(scores[best] - found.score) < 1e-4
        centre, size = rows[best, :2], rows[best, 2:4]
        corners = np.clip([*(centre - size / 2), *(centre + size / 2)], 0, 320)
        np.testing.assert_allclose(found.box, corners, atol=0.1)
