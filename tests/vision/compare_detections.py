"""Holds kiln.vision.Detector against ultralytics on pictures made here: the same boxes with the same scores as from its
own letterbox, the exported network, its suppression and its way back to the picture's pixels. With PyTorch's run of the
network in the place of Kiln's all is the same but for a few of those boxes whose scores differ by less than the two
runs do.

    PYTHONPATH=build/python python tests/vision/compare_detections.py      (needs ultralytics)
"""
from __future__ import annotations

import sys
import tempfile
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


def fit(picture, side: int = SIDE):
    from ultralytics.data.augment import LetterBox

    boxed = LetterBox((side, side), auto=False)(image=picture)
    return np.ascontiguousarray(boxed.transpose(2, 0, 1)).astype(np.float32) / 255, boxed


def references(output: np.ndarray, picture, side: int = SIDE, score: float = SCORE) -> list[np.ndarray]:
    """[boxes, 6], corners, score and class, of a network's output, with suppression by class and for all classes."""
    import torch
    from ultralytics.utils import nms, ops

    found = []
    for agnostic in (False, True):
        boxes = nms.non_max_suppression(torch.from_numpy(output.copy()), score, OVERLAP, agnostic=agnostic)[0].numpy()
        boxes[:, :4] = ops.scale_boxes((side, side), boxes[:, :4], picture.shape)
        found.append(boxes)
    return found


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    both = np.prod(np.clip(high - low, 0, None), -1)
    areas = [np.prod(boxes[:, 2:4] - boxes[:, :2], -1) for boxes in (a, b)]
    return both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)


def unmatched(ours: np.ndarray, theirs: np.ndarray) -> int:
    """Boxes of either without an equal in the other: of the same class, IoU at least 0.98, score within 0.01. Those in
    the padding, which are cut to nothing at the picture's border, have no IoU: their sides agree to 0.1 pixel."""
    if len(ours) == 0 or len(theirs) == 0:
        return len(ours) + len(theirs)
    near = np.abs(ours[:, None, :4] - theirs[None, :, :4]).max(-1) <= 0.1
    same = ((overlaps(ours, theirs) >= 0.98) | near) & (np.abs(ours[:, None, 4] - theirs[None, :, 4]) <= 0.01)
    same &= ours[:, None, 5] == theirs[None, :, 5]
    return int((~same.any(1)).sum() + (~same.any(0)).sum())


class Comparison(NamedTuple):
    boxes: int
    unmatched: int
    unmatched_of_torch: int  # where PyTorch runs the network


def compare(name: str, folder: Path, count: int = 50, with_torch: int = 10) -> Comparison:
    """PyTorch runs the network on `with_torch` of the pictures."""
    import torch

    import kiln

    network = make_network(name)
    path = folder / f"{name}.onnx"
    export(network, path)
    session = kiln.Session(path)
    detectors = detect_with_both(path, SCORE)
    boxes = different = different_of_torch = 0
    for index, picture in enumerate(pictures(count)):
        seen = fit(picture)[0][None]
        found = [rows_of(detector.detect(picture)) for detector in detectors]
        wanted = references(session.run({"images": seen})["output0"], picture)
        boxes += sum(map(len, wanted))
        different += sum(map(unmatched, found, wanted))
        if index < with_torch:
            with torch.no_grad():
                output = network(torch.from_numpy(seen))[0].numpy()
            different_of_torch += sum(map(unmatched, found, references(output, picture)))
    return Comparison(boxes, different, different_of_torch)


def detect_with_both(path: Path, score: float):
    import kiln.vision

    return [kiln.vision.Detector(path, score=score, overlap=OVERLAP, agnostic=agnostic) for agnostic in (False, True)]


def rows_of(found) -> np.ndarray:
    return np.array([[*each.box, each.score, each.class_index] for each in found]).reshape(-1, 6)


def compare_shipped(path: Path, count: int = 50, score: float = 0.05) -> Comparison:
    """A decoded YOLOv5, [1, boxes, 5 + classes], whose scores are made those of ultralytics' later networks."""
    import kiln

    session = kiln.Session(path)
    side = session.inputs[0].shape[2]
    boxes = different = 0
    detectors = detect_with_both(path, score)
    for picture in pictures(count):
        seen = fit(picture, side)[0][None]
        seen = seen.astype(np.float16) if "float16" in session.inputs[0].type else seen
        output = next(iter(session.run({session.inputs[0].name: seen}).values())).astype(np.float32)
        plain = np.concatenate([output[..., :4], output[..., 5:] * output[..., 4:5]], -1).transpose(0, 2, 1)
        wanted = references(np.ascontiguousarray(plain), picture, side, score)
        boxes += sum(map(len, wanted))
        different += sum(map(unmatched, (rows_of(each.detect(picture)) for each in detectors), wanted))
    return Comparison(boxes, different, 0)


def main() -> int:
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            found = compare(name, Path(folder), with_torch=50)
            faults += found.unmatched > 0.001 * found.boxes
            print(f"{name:8} {found.boxes:6} boxes on 50 pictures, by class and for all classes: {found.unmatched} "
                  f"without an equal, {found.unmatched_of_torch} where PyTorch runs the network", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
