"""Videos, which the program ffmpeg reads and writes."""
from __future__ import annotations

import os
from typing import Iterator

import numpy as np
from numpy.typing import NDArray

from .. import _vision
from .pictures import load_picture


class Video:
    """The frames of a video file: iterate over it, once."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._native = _vision.Video(os.fsencode(path))

    @property
    def frames_per_second(self) -> float:
        return self._native.frames_per_second

    @property
    def expected_frames(self) -> int:
        """How many there will be as far as the file says, 0 where it does not."""
        return self._native.expected_frames

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        while (frame := self._native.next()) is not None:
            yield frame


class VideoWriter:
    """Writes frames of one size; the file is whole when finish() was called, or the `with` block has ended."""

    def __init__(self, path: str | os.PathLike[str], frames_per_second: float = 25) -> None:
        self._native = _vision.VideoWriter(os.fsencode(path), frames_per_second)

    def add(self, frame: NDArray[np.uint8]) -> None:
        self._native.add(load_picture(frame))

    def finish(self) -> None:
        self._native.finish()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self.finish()
