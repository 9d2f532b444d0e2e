"""The classes of kiln.vision."""
from __future__ import annotations

from typing import Mapping, NamedTuple, Sequence

import numpy as np
from numpy.typing import NDArray

from .. import _vision
from .pictures import ModelSource, Picture, load_picture, native_model

Box = tuple  # (left, top, right, bottom), in the picture's pixels


class Levels(NamedTuple):
    """How a network takes colours: values from 0 to 1, of which the mean is taken before they are divided."""
    mean: Sequence[float] = (0.0, 0.0, 0.0)
    deviation: Sequence[float] = (1.0, 1.0, 1.0)
    bgr: bool = False


class Detection(NamedTuple):
    name: str
    class_index: int
    score: float
    box: Box


class TextLine(NamedTuple):
    text: str
    score: float
    box: list[tuple[float, float]]  # top left, top right, bottom right, bottom left


class ClassScore(NamedTuple):
    name: str
    class_index: int
    score: float


class Person(NamedTuple):
    box: Box
    joints: NDArray[np.float32]  # [joints, 4]: x, y, z, score
    space: NDArray[np.float32] | None = None  # [joints, 3], of a network of 3-D poses, in its own units


def _levels(levels: Levels | None) -> tuple[bool, list[float], list[float]] | None:
    return None if levels is None else (levels.bgr, list(levels.mean), list(levels.deviation))


class Detector:
    """Finds objects, with networks as YOLO, DETR and SSD have them (docs/cli/detect.md).

    `score` is the least of an object; boxes that overlap a better one more than `overlap` are left out, with `agnostic`
    also where the two are of different classes. `names` are those of the classes where the model's metadata have none,
    `anchors` those of YOLOv5's raw levels. `logits` of a DETR: "automatic", "softmax" or "sigmoid". `fit`: "letterbox",
    "stretch" or "corner".
    """

    def __init__(self, model: ModelSource, *, score: float = 0.25, overlap: float = 0.45, agnostic: bool = False,
                 most: int = 300, names: Sequence[str] = (), anchors: Sequence[float] = (), logits: str = "automatic",
                 fit: str | None = None, levels: Levels | None = None) -> None:
        self._native = _vision.Detector(native_model(model), score, overlap, agnostic, most, list(names),
                                        list(anchors), logits, fit, _levels(levels))

    def detect(self, picture: Picture) -> list[Detection]:
        """The objects, the best first."""
        return [Detection(self._native.name_of(index), index, score, tuple(box))
                for *box, score, index in self._native.detect(load_picture(picture))]

    def find_class(self, name: str) -> int | None:
        """The class of that name."""
        return self._native.find_class(name)


class OCR:
    """Reads text as RapidOCR does: a DB detector, a recogniser of the CRNN kind and a classifier that tells which lines
    are upside down, if there is one, in any order. `characters` are the recogniser's, where its metadata have none.
    """

    def __init__(self, *models: ModelSource, box_score: float = 0.5, text_score: float = 0.5, batch: int = 6,
                 characters: Sequence[str] = ()) -> None:
        self._native = _vision.Ocr([native_model(model) for model in models], box_score, text_score, batch,
                                   list(characters))

    def read(self, picture: Picture) -> list[TextLine]:
        """The lines from top to bottom, and from left to right where they stand side by side."""
        return [TextLine(*line) for line in self._native.read(load_picture(picture))]


class Pose:
    """Finds the joints of people with a top-down network: with heat maps, or with SimCC as RTMPose has them.

    `detector` finds the people, of class `person_class` (by default the one named "person", or 0); without one the
    whole picture is a person, or boxes are given with each picture. `refinement` of heat maps: "none", "quarter" or
    "taylor". With `flip` each person is looked at mirrored too, and the mean of both counts.

    A network of 3-D poses may take the part of the picture that it sees, an input named as a box, f32 [1, 4] of left,
    top, width and height (right and bottom with `box_corners`), and the camera ("intrinsics"): `camera` is (focal_x,
    focal_y, centre_x, centre_y). `inputs` has the numbers of any other input by its name.
    """

    def __init__(self, model: ModelSource, detector: Detector | None = None, *, person_class: int | None = None,
                 padding: float = 1.25, refinement: str = "quarter", names: Sequence[str] = (),
                 levels: Levels | None = None, flip: bool = False,
                 camera: tuple[float, float, float, float] | None = None, box_corners: bool = False,
                 inputs: Mapping[str, Sequence[float]] | None = None) -> None:
        given = [(name, [float(value) for value in values]) for name, values in (inputs or {}).items()]
        self._native = _vision.Pose(native_model(model), padding, refinement, list(names), _levels(levels), flip,
                                    camera, box_corners, given)
        self._detector = detector
        if person_class is None and detector is not None:
            person_class = detector.find_class("person")
        self._person_class = person_class or 0

    def find(self, picture: Picture, boxes: Sequence[Box] | None = None) -> list[Person]:
        """A person for each box (left, top, right, bottom)."""
        pixels = load_picture(picture)
        if boxes is None:
            boxes = self._people(pixels)
        boxes = [tuple(float(side) for side in box) for box in boxes]
        return [Person(box, *found) for box, found in zip(boxes, self._native.find(pixels, boxes))]

    def name_of(self, joint: int) -> str:
        return self._native.name_of(joint)

    def skeleton(self, joints: int) -> list[tuple[int, int]]:
        """Pairs of joints between which a line is drawn."""
        return self._native.skeleton(joints)

    def _people(self, pixels: NDArray[np.uint8]) -> list[Box]:
        if self._detector is None:
            return [(0, 0, pixels.shape[1], pixels.shape[0])]
        return [found.box for found in self._detector.detect(pixels) if found.class_index == self._person_class
                and found.box[2] > found.box[0] and found.box[3] > found.box[1]]


class Classifier:
    """Tells what a picture shows.

    `crop` is the part of its shorter side that is looked at, `most` are the classes in an answer. Without `levels`
    colours are as networks that were trained on ImageNet take them.
    """

    def __init__(self, model: ModelSource, *, most: int = 5, crop: float = 0.875, names: Sequence[str] = (),
                 levels: Levels | None = None) -> None:
        self._native = _vision.Classifier(native_model(model), most, crop, list(names), _levels(levels))

    def classify(self, picture: Picture) -> list[ClassScore]:
        """The likeliest classes and their probabilities."""
        return [ClassScore(self._native.name_of(index), index, score)
                for index, score in self._native.classify(load_picture(picture))]


class Segmenter:
    """Tells for every pixel what it shows. `threshold` is for networks with one class, whose masks are 0 and 1."""

    def __init__(self, model: ModelSource, *, threshold: float = 0.5, fit: str = "stretch", names: Sequence[str] = (),
                 levels: Levels | None = None) -> None:
        self._native = _vision.Segmenter(native_model(model), threshold, fit, list(names), _levels(levels))

    def segment(self, picture: Picture) -> NDArray[np.uint16]:
        """The class of each pixel: [height, width] of the picture."""
        return self._native.segment(load_picture(picture))

    def name_of(self, class_index: int) -> str:
        return self._native.name_of(class_index)


class Embedder:
    """Makes a vector of length 1 of a picture, near to those of pictures like it (`most_similar`)."""

    def __init__(self, model: ModelSource, *, crop: float = 0.875, levels: Levels | None = None) -> None:
        self._native = _vision.Embedder(native_model(model), crop, _levels(levels))

    def embed(self, picture: Picture) -> NDArray[np.float32]:
        return self._native.embed(load_picture(picture))
