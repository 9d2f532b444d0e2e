"""Holds kiln.vision.Detector against ultralytics on pictures made here, in two ways.

On the numbers that Kiln's run of the network gives for what ultralytics' letterbox makes of a picture, ultralytics' own
suppression and its way back to the picture's pixels give all the boxes that the detector gives, and no others.

Where PyTorch runs the network instead, its numbers are others by what single precision leaves open, and boxes are
others only where that tells why: each has a score or an overlap that is the threshold to three digits, or is there or
not there because such a box is.

    PYTHONPATH=build/python python tests/vision/compare_detections.py      (needs ultralytics)
"""
from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

MODELS = ["yolov5n", "yolov8n", "yolo11n"]
SIDE, SCORE, OVERLAP, MOST = 640, 0.25, 0.45, 300
NEAR = 1e-3  # to a threshold
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
    sample = torch.from_numpy(np.concatenate([fit(picture) / 255 for picture in pictures(4, 99)]))
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


def fit(picture, side: int = SIDE) -> np.ndarray:
    """The levels that ultralytics' letterbox gives a network: [1, 3, side, side]."""
    from ultralytics.data.augment import LetterBox

    boxed = LetterBox((side, side), auto=False)(image=picture)
    return np.ascontiguousarray(boxed.transpose(2, 0, 1))[None].astype(np.float32)


def as_kiln_scales(levels: np.ndarray) -> np.ndarray:
    """By a factor, where ultralytics divides by 255: it may be another in its last bit, and so would be what a network
    gives."""
    return levels * np.float32(1 / 255)


def suppressed(output: np.ndarray, agnostic: bool, score: float = SCORE) -> np.ndarray:
    """[boxes, 6], corners, score and class, of a network's output, in its pixels."""
    import torch
    import torchvision  # noqa: F401  whose suppression ultralytics takes if it is there: equal scores keep their order
    from ultralytics.utils import nms

    found = nms.non_max_suppression(torch.from_numpy(output.copy()), score, OVERLAP, agnostic=agnostic, max_det=MOST)
    return found[0].numpy()


def in_picture(boxes: np.ndarray, picture, side: int = SIDE) -> np.ndarray:
    from ultralytics.utils import ops

    boxes = boxes.copy()
    boxes[:, :4] = ops.scale_boxes((side, side), boxes[:, :4], picture.shape)
    return boxes


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    both = np.prod(np.clip(high - low, 0, None), -1)
    areas = [np.prod(boxes[:, 2:4] - boxes[:, :2], -1) for boxes in (a, b)]
    return both / np.maximum(areas[0][:, None] + areas[1][None] - both, 1e-9)


def equals(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Which are equal: of the same class, IoU at least 0.98, score within 0.01. Those in the padding, which are cut to
    nothing at the picture's border, have no IoU: their sides agree to 0.1 pixel."""
    near = np.abs(ours[:, None, :4] - theirs[None, :, :4]).max(-1) <= 0.1
    same = ((overlaps(ours, theirs) >= 0.98) | near) & (np.abs(ours[:, None, 4] - theirs[None, :, 4]) <= 0.01)
    return same & (ours[:, None, 5] == theirs[None, :, 5])


def unmatched(ours: np.ndarray, theirs: np.ndarray) -> int:
    """Boxes of either without an equal in the other."""
    same = equals(ours, theirs)
    return int((~same.any(1)).sum() + (~same.any(0)).sum())


def unexplained(ours: np.ndarray, theirs: np.ndarray, agnostic: bool) -> int:
    """Those of them that no threshold nearby explains."""
    same = equals(ours, theirs)
    lists = [ours[~same.any(1)], theirs[~same.any(0)]]
    others = [theirs, ours]
    # A score at the threshold, or where the list of the other ends that holds no more boxes.
    least = [boxes[-1, 4] if len(boxes) == MOST else SCORE for boxes in others]
    explained = [boxes[:, 4] <= end + NEAR for boxes, end in zip(lists, least)]
    for boxes, told, kept in zip(lists, explained, others):
        told |= (may_meet(boxes, kept, agnostic) & (np.abs(overlaps(boxes, kept) - OVERLAP) <= NEAR)).any(1)
    # What overlaps one that is only in the other list is there because that one is not.
    over = may_meet(*lists, agnostic) & (overlaps(*lists) > OVERLAP)
    ours_told, theirs_told = explained
    for _ in range(sum(over.shape)):
        ours_told, theirs_told = ours_told | (over & theirs_told).any(1), theirs_told | (over.T & ours_told).any(1)
    return int((~ours_told).sum() + (~theirs_told).sum())


def may_meet(ours: np.ndarray, theirs: np.ndarray, agnostic: bool) -> np.ndarray:
    return (ours[:, None, 5] == theirs[None, :, 5]) | agnostic


class Comparison(NamedTuple):
    boxes: int
    unmatched: int
    unmatched_of_torch: int = 0  # where PyTorch runs the network
    unexplained: int = 0  # of these


def compare(name: str, folder: Path, count: int = 50) -> Comparison:
    import torch

    import kiln

    network = make_network(name)
    path = folder / f"{name}.onnx"
    export(network, path)
    # What random weights give the attention of yolo11n makes every engine differ from the reference by 1e-3 and more.
    engine = kiln.build(path, verify=False)
    session = kiln.Session(engine)
    detectors = detect_with_both(engine, SCORE)
    boxes = different = of_torch = unclear = 0
    for picture in pictures(count):
        levels = fit(picture)
        output = session.run({"images": as_kiln_scales(levels)})["output0"]
        with torch.no_grad():
            output_of_torch = network(torch.from_numpy(levels / 255))[0].numpy()
        for agnostic, detector in detectors.items():
            wanted = suppressed(output, agnostic)
            boxes += len(wanted)
            different += unmatched(rows_of(detector.detect(picture)), in_picture(wanted, picture))
            theirs = suppressed(output_of_torch, agnostic)
            of_torch += unmatched(wanted, theirs)
            unclear += unexplained(wanted, theirs, agnostic)
    return Comparison(boxes, different, of_torch, unclear)


def detect_with_both(engine, score: float):
    """By class, and for all classes. With the one engine: another build of the network may add in another order."""
    import kiln.vision

    return {agnostic: kiln.vision.Detector(engine, score=score, overlap=OVERLAP, agnostic=agnostic, most=MOST)
            for agnostic in (False, True)}


def rows_of(found) -> np.ndarray:
    return np.array([[*each.box, each.score, each.class_index] for each in found]).reshape(-1, 6)


def compare_shipped(path: Path, count: int = 50, score: float = 0.05) -> Comparison:
    """A decoded YOLOv5, [1, boxes, 5 + classes], whose scores are made those of ultralytics' later networks."""
    import kiln

    engine = kiln.build(path)
    session = kiln.Session(engine)
    side = session.inputs[0].shape[2]
    boxes = different = 0
    detectors = detect_with_both(engine, score)
    for picture in pictures(count):
        seen = as_kiln_scales(fit(picture, side))
        seen = seen.astype(np.float16) if "float16" in session.inputs[0].type else seen
        output = next(iter(session.run({session.inputs[0].name: seen}).values())).astype(np.float32)
        plain = np.concatenate([output[..., :4], output[..., 5:] * output[..., 4:5]], -1).transpose(0, 2, 1)
        for agnostic, detector in detectors.items():
            wanted = in_picture(suppressed(np.ascontiguousarray(plain), agnostic, score), picture, side)
            boxes += len(wanted)
            different += unmatched(rows_of(detector.detect(picture)), wanted)
    return Comparison(boxes, different)


def main() -> int:
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in MODELS:
            found = compare(name, Path(folder))
            faults += found.unmatched + found.unexplained
            print(f"{name:8} {found.boxes:6} boxes on 50 pictures, by class and for all classes: {found.unmatched} "
                  f"without an equal; {found.unmatched_of_torch} where PyTorch runs the network, {found.unexplained} "
                  "of them far from any threshold", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
