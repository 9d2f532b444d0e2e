#!/usr/bin/env python3
"""Says how good the models of assets/models are, on pictures that training has not seen.

    evaluate.py [--pictures N] [--only MODEL] [--json]

Everything is done by kiln.vision, as users do it. mAP@0.5 is the mean over the classes of the area below precision over
recall, where a box is right if it overlaps one of its class by half and no better box has taken that. PCK@0.2 is the
share of joints within a fifth of the torso (left shoulder to right hip) of their place, of those inside the picture.
mIoU is the mean over the classes of intersection over union of pixels.
"""

import argparse
import json
import pathlib

import kiln.vision
import numpy as np

from figures import JOINTS, draw_crop
from scenes import CLASSES, draw_labelled_scene, draw_scene, draw_tile

MODELS = pathlib.Path(__file__).resolve().parents[2] / "assets/models"
SEED = 1000  # training has others


def overlaps(box, boxes):
    """Intersection over union of one box and many, as corners."""
    common = np.clip(np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2]), 0, None).prod(axis=1)
    area = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - common
    return common / np.maximum(area, 1e-9)


def average_precision(hits, wanted):
    """`hits`: (score, is right) of all boxes of a class."""
    right = np.array([hit for _, hit in sorted(hits, key=lambda h: -h[0])], float)
    recall = np.cumsum(right) / max(wanted, 1)
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0) * best_from_here))


def average_precisions(model, count):
    """The average precision of each class."""
    detector = kiln.vision.Detector(model, score=0.001, overlap=0.6, most=100)
    hits, wanted = {name: [] for name in CLASSES}, dict.fromkeys(CLASSES, 0)
    for index in range(count):
        picture, objects = draw_scene(np.random.default_rng([SEED, index]))
        taken = np.zeros(len(objects), bool)
        for of in objects[:, 0].astype(int):
            wanted[CLASSES[of]] += 1
        for found in detector.detect(picture):
            free = (objects[:, 0] == CLASSES.index(found.name)) & ~taken
            fits = np.where(free, overlaps(np.array(found.box), objects[:, 1:]), 0.0)
            right = len(fits) > 0 and fits.max() >= 0.5
            if right:
                taken[fits.argmax()] = True
            hits[found.name].append((found.score, right))
    return {name: average_precision(hits[name], wanted[name]) for name in CLASSES}


def correct_joints(model, count, share=0.2):
    """The share of each joint's places that are right."""
    pose = kiln.vision.Pose(model, padding=1)
    right, seen = np.zeros(len(JOINTS)), np.zeros(len(JOINTS))
    for index in range(count):
        picture, joints = draw_crop(np.random.default_rng([SEED, index]))
        [person] = pose.find(picture)
        torso = np.linalg.norm(joints[JOINTS.index("left_shoulder")] - joints[JOINTS.index("right_hip")])
        inside = ((joints >= 0) & (joints < (picture.shape[1], picture.shape[0]))).all(axis=1)
        seen += inside
        right += inside & (np.linalg.norm(person.joints[:, :2] - joints, axis=1) <= share * torso)
    return dict(zip(JOINTS, (right / np.maximum(seen, 1)).tolist()))


def shared_pixels(model, count):
    """Intersection over union of each class."""
    segmenter = kiln.vision.Segmenter(model)
    common, either = np.zeros(len(CLASSES) + 1), np.zeros(len(CLASSES) + 1)
    for index in range(count):
        picture, _, labels = draw_labelled_scene(np.random.default_rng([SEED, index]), 128)
        found = segmenter.segment(picture)
        counts = np.bincount(labels.ravel() * np.uint16(len(common)) + found.ravel(), minlength=len(common) ** 2)
        table = counts.reshape(len(common), len(common))
        common += np.diag(table)
        either += table.sum(axis=0) + table.sum(axis=1) - np.diag(table)
    return dict(zip(("ground", *CLASSES), (common / np.maximum(either, 1)).tolist()))


def right_answers(model, count):
    """The share of each class's pictures that are recognised."""
    classifier = kiln.vision.Classifier(model, most=1)
    right, seen = dict.fromkeys(CLASSES, 0), dict.fromkeys(CLASSES, 0)
    for index in range(count):
        picture, of = draw_tile(np.random.default_rng([SEED, index]), 96)
        seen[CLASSES[of]] += 1
        right[CLASSES[of]] += classifier.classify(picture)[0].class_index == of
    return {name: right[name] / max(seen[name], 1) for name in CLASSES}


SCORES = {"scenes": ("mAP@0.5", average_precisions), "figures": ("PCK@0.2", correct_joints),
          "masks": ("mIoU", shared_pixels), "icons": ("accuracy", right_answers)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000, help="how many for each model (1000)")
    parser.add_argument("--only", choices=SCORES)
    parser.add_argument("--model", type=pathlib.Path, help="another file than that of assets/models, with --only")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results = {}
    for model, (score, evaluate) in SCORES.items():
        if arguments.only in (None, model):
            results[score] = evaluate(arguments.model or MODELS / f"{model}.onnx", arguments.pictures)
    if arguments.json:
        print(json.dumps(results, indent=2))
        return
    for name, parts in results.items():
        print(f"{name}  {np.mean(list(parts.values())):.3f}")
        for part, value in parts.items():
            print(f"    {part:15} {value:.3f}")


if __name__ == "__main__":
    main()
