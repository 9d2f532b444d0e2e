"""Holds kiln.vision.Detector against ultralytics on pictures made here: the same boxes with the same scores, from its
own letterbox, network in PyTorch, suppression and way back to the picture's pixels.

    PYTHONPATH=build/python python tests/vision/compare_detections.py      (needs ultralytics)
"""
from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

MODELS = ["yolov5n", "yolov8n", "yolo11n"]
SIDE, SCORE, OVERLAP = 640, 0.25, 0.45
SPREAD = 0.8  # of the scores before their sigmoid, so that no two are 1 both


def pictures(count: int, seed: int = 7):
    """Shapes before a ground of waves and noise, of all sizes."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        height, width = random.integers(120, 1100, 2)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        waves = [np.sin(x / random.uniform(5, 90) + y / random.uniform(-60, 60)) for _ in range(3)]
        picture = 128 + 60 * np.stack(waves, -1) + random.normal(0, 12, (height, width, 3))
        for _ in range(random.integers(2, 12)):
            left, top = random.integers(0, width - 20), random.integers(0, height - 20)
            right, bottom = left + random.integers(15, 300), top + random.integers(15, 300)
            colour = random.integers(0, 256, 3)
            if random.random() < 0.5:
                picture[top:bottom, left:right] = colour
            else:
                inside = ((x - (left + right) / 2) / (right - left)) ** 2 + ((y - (top + bottom) / 2) /
                                                                             (bottom - top)) ** 2 < 0.25
                picture[inside] = colour
        yield np.clip(picture, 0, 255).astype(np.uint8)


def make_network(name: str):
    """With random weights, of a spread that makes some scores high and boxes of many sizes."""
    import torch
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(5)
    network = DetectionModel(f"{name}.yaml", verbose=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    sample = torch.from_numpy(np.stack([fit(picture)[0] for picture in pictures(4, 99)]))
    with torch.no_grad():
        network.train()
        network(sample)
        network.eval()
        head = network.model[-1]
        for branch in head.cv2:
            branch[-1].weight *= 6
        logits = torch.logit(network(sample)[0][:, 4:].double())
        for branch in head.cv3:
            branch[-1].weight *= SPREAD / logits.std()
            branch[-1].bias *= SPREAD / logits.std()
        best = torch.logit(network(sample)[0][:, 4:].double()).amax(1).flatten()
        # Some hundred of the 8,400 places of a picture are to be candidates.
        wanted = best.sort(descending=True).values[int(0.03 * best.numel())]
        for branch in head.cv3:
            branch[-1].bias += torch.logit(torch.tensor(SCORE)) - wanted
    return network


def export(network, path: Path) -> None:
    import torch

    head = network.model[-1]
    head.export, head.format = True, "onnx"
    torch.onnx.export(network, (torch.zeros(1, 3, SIDE, SIDE),), str(path), input_names=["images"],
                      output_names=["output0"], dynamo=True, external_data=False, verbose=False)
    head.export = False


def fit(picture):
    from ultralytics.data.augment import LetterBox

    boxed = LetterBox((SIDE, SIDE), auto=False)(image=picture)
    return np.ascontiguousarray(boxed.transpose(2, 0, 1)).astype(np.float32) / 255, boxed


def references(network, picture) -> list[np.ndarray]:
    """[boxes, 6], corners, score and class, with suppression by class and for all classes."""
    import torch
    from ultralytics.utils import nms, ops

    with torch.no_grad():
        output = network(torch.from_numpy(fit(picture)[0])[None])[0]
    found = []
    for agnostic in (False, True):
        boxes = nms.non_max_suppression(output.clone(), SCORE, OVERLAP, agnostic=agnostic)[0].numpy()
        boxes[:, :4] = ops.scale_boxes((SIDE, SIDE), boxes[:, :4], picture.shape)
        found.append(boxes)
    return found


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    both = np.prod(np.clip(high - low, 0, None), -1)
    areas = [np.prod(boxes[:, 2:4] - boxes[:, :2], -1) for boxes in (a, b)]
    return both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)


def unmatched(ours: np.ndarray, theirs: np.ndarray) -> int:
    """Boxes of either that have no equal in the other: of the same class, IoU at least 0.98, score within 0.01."""
    if len(ours) == 0 or len(theirs) == 0:
        return len(ours) + len(theirs)
    same = (overlaps(ours, theirs) >= 0.98) & (np.abs(ours[:, None, 4] - theirs[None, :, 4]) <= 0.01)
    same &= ours[:, None, 5] == theirs[None, :, 5]
    return int((~same.any(1)).sum() + (~same.any(0)).sum())


class Comparison(NamedTuple):
    boxes: int
    unmatched: int
    ours_ms: float  # a picture, with suppression by class and for all classes
    theirs_ms: float


def compare(name: str, folder: Path, count: int = 50) -> Comparison:
    import kiln.vision

    network = make_network(name)
    path = folder / f"{name}.onnx"
    if not path.exists():
        export(network, path)
    detectors = [kiln.vision.Detector(path, score=SCORE, overlap=OVERLAP, agnostic=agnostic)
                 for agnostic in (False, True)]
    boxes = different = 0
    times = [0.0, 0.0]
    for picture in pictures(count):
        begin = time.perf_counter()
        wanted = references(network, picture)
        between = time.perf_counter()
        found = [detector.detect(picture) for detector in detectors]
        times = [times[0] + time.perf_counter() - between, times[1] + between - begin]
        for ours, theirs in zip(found, wanted):
            ours = np.array([[*each.box, each.score, each.class_index] for each in ours]).reshape(-1, 6)
            boxes += len(theirs)
            different += unmatched(ours, theirs)
    return Comparison(boxes, different, times[0] / count * 1e3, times[1] / count * 1e3)


def main() -> int:
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            found = compare(name, Path(folder))
            faults += found.unmatched
            print(f"{name:8} {found.boxes:6} boxes on 50 pictures, by class and for all classes: {found.unmatched} "
                  f"without an equal; a picture takes Kiln {found.ours_ms / 2:.1f} ms, PyTorch "
                  f"{found.theirs_ms:.1f} ms", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
