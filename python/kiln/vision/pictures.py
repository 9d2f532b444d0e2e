"""What goes into the classes of kiln.vision: pictures and models."""
from __future__ import annotations

import os
from typing import Any, Sequence, Union

import numpy as np
from numpy.typing import NDArray

from .. import _kiln, _vision
from ..builder import GraphBuilder

Picture = Union[str, "os.PathLike[str]", bytes, "NDArray[np.uint8]"]
ModelSource = Union[str, "os.PathLike[str]", bytes, _kiln.Model, _kiln.Engine, GraphBuilder]


def load_picture(picture: Picture) -> NDArray[np.uint8]:
    """A picture file, or its bytes, as an array [height, width, 3]: turned as its EXIF data ask for, red first."""
    if isinstance(picture, bytes):
        return _vision.decode_picture(picture)
    if isinstance(picture, (str, os.PathLike)):
        return _vision.load_picture(os.fsencode(picture))
    array = np.asarray(picture)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise TypeError(f"a picture is {array.dtype} {list(array.shape)}, expected uint8 [height, width, 3]")
    return np.ascontiguousarray(array)


def save_picture(picture: NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Writes an array [height, width, 3] as PNG or JPEG, as the name's ending says."""
    _vision.save_picture(load_picture(picture), os.fsencode(path))


def most_similar(wanted: NDArray[np.float32], vectors: Sequence[NDArray[np.float32]],
                 most: int = 10) -> list[tuple[int, float]]:
    """Which vectors of an Embedder are most like `wanted`, and the cosines of the angles, the best first."""
    if len(vectors) == 0:
        return []
    cosines = np.asarray(vectors, np.float32) @ np.asarray(wanted, np.float32)
    order = np.argsort(-cosines, kind="stable")[:most]
    return [(int(index), float(cosines[index])) for index in order]


def native_model(source: ModelSource) -> Any:
    """What the compiled module takes: a Model, an Engine or a path as bytes."""
    if isinstance(source, GraphBuilder):
        return source.model()
    if isinstance(source, bytes):
        return _kiln.Model.load(source)
    if isinstance(source, (_kiln.Model, _kiln.Engine)):
        return source
    return os.fsencode(source)
