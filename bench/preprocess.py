"""Times the way from a picture to a network's input beside the OpenCV calls that it replaces, in one run, and says by
how many levels the results differ.

    python bench/preprocess.py build/bench/preprocess_bench [--one-thread]        (needs opencv-python)

With --one-thread both work on one thread and the processor's time counts, which others on the machine disturb less.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

DEVIATION = np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)


def noise(width, height):
    numbers = np.arange(3 * width * height, dtype=np.uint32) * np.uint32(2654435761)
    return (numbers >> 24).astype(np.uint8).reshape(height, width, 3)


def letterbox(width, height):
    """As YOLO's own code does it; what has the size already is not resized."""
    picture = noise(width, height)
    scale = min(640 / width, 640 / height)
    size = round(width * scale), round(height * scale)
    left, top = (640 - size[0]) // 2, (640 - size[1]) // 2

    def call():
        boxed = picture
        if size != (width, height):
            boxed = cv2.resize(boxed, size, interpolation=cv2.INTER_LINEAR)
        if size != (640, 640):
            boxed = cv2.copyMakeBorder(boxed, top, 640 - size[1] - top, left, 640 - size[0] - left,
                                       cv2.BORDER_CONSTANT, value=(114, 114, 114))
        return cv2.dnn.blobFromImage(boxed, 1 / 255)

    return call, 255


def normalised(picture):
    if picture.shape[:2] != (224, 224):
        picture = cv2.resize(picture, (224, 224), interpolation=cv2.INTER_LINEAR)
    blob = cv2.dnn.blobFromImage(picture, 1 / 255, mean=(123.675, 116.28, 103.53))
    blob /= DEVIATION
    return blob


def stretch_normalised(width, height):
    picture = noise(width, height)
    return lambda: normalised(picture), 255 * DEVIATION


def crop_normalised(width, height):
    picture = noise(1920, 1080)
    return lambda: normalised(picture[203:203 + height, 701:701 + width]), 255 * DEVIATION


def text_line(width, height):
    picture = noise(width, height)

    def call():
        resized = picture
        if (width, height) != (320, 48):
            resized = cv2.resize(resized, (320, 48), interpolation=cv2.INTER_LINEAR)
        return cv2.dnn.blobFromImage(resized, 1 / 127.5, mean=(127.5, 127.5, 127.5))

    return call, 127.5


def resize_pixels(width, height, to_width, to_height):
    picture = noise(width, height)
    return lambda: cv2.resize(picture, (to_width, to_height), interpolation=cv2.INTER_LINEAR), 1


def warp_cubic():
    picture = noise(1200, 800)
    to = np.array([[0, 0], [400, 0], [400, 32], [0, 32]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array([[100, 90], [498, 104], [497, 136], [99, 121]], np.float32), to)
    return lambda: cv2.warpPerspective(picture, matrix, (400, 32), flags=cv2.INTER_CUBIC,
                                       borderMode=cv2.BORDER_REPLICATE), 1


def warp_affine(shift):
    picture = noise(1200, 800)
    matrix = np.array([[1.7, 0.2, 100 - shift], [-0.2, 1.7, 150 - shift]])

    def call():
        warped = cv2.warpAffine(picture, matrix, (192, 256), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        return cv2.dnn.blobFromImage(warped, 1 / 255)

    return call, 255


def warp_pixels(width, height):
    picture = noise(width, height)
    matrix = np.array([[0.9, 0.15, 10], [-0.15, 0.9, 120]])
    return lambda: cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP), 1


def milliseconds(call, clock):
    """A quiet call's time, over about as long as the other side's benchmark takes."""
    times = []
    end = time.perf_counter() + 0.3
    while len(times) < 20 or time.perf_counter() < end:
        start = clock()
        call()
        times.append(clock() - start)
    return sorted(times)[len(times) // 5] * 1e3


def levels_between(folder, name, wanted, unit):
    ours = np.fromfile(folder / name.replace("/", "-"), wanted.dtype).reshape(wanted.shape)
    return np.abs((ours.astype(np.float64) - wanted) * unit).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--one-thread", action="store_true")
    parser.add_argument("--filter", default=".", help="names of benchmarks, as a regular expression")
    options = parser.parse_args()
    environment, clock, measure = dict(os.environ), time.perf_counter, "real_time"
    if options.one_thread:
        environment["KILN_THREADS"] = "1"
        cv2.setNumThreads(1)
        clock, measure = time.process_time, "cpu_time"
    with tempfile.TemporaryDirectory() as folder:
        environment["KILN_BENCH_RESULTS"] = folder
        listed = subprocess.run([options.program, "--benchmark_format=json", "--benchmark_min_time=0.1",
                                 f"--benchmark_filter={options.filter}"],
                                check=True, capture_output=True, env=environment).stdout
        print(f"{'':36} {'Kiln':>8} {'OpenCV':>8}   ms, {cv2.getNumThreads()} threads, OpenCV {cv2.__version__}; "
              "times as fast, levels apart", flush=True)
        for entry in json.loads(listed)["benchmarks"]:
            name = entry["name"].removesuffix("/real_time")
            function, *sizes = name.split("/")
            call, unit = globals()[function](*map(int, sizes))
            ours, other = entry[measure] / 1e6, milliseconds(call, clock)
            apart = levels_between(Path(folder), name, call(), unit)
            print(f"{name:36} {ours:8.3f} {other:8.3f} {other / ours:6.2f} {apart:6.2f}", flush=True)


if __name__ == "__main__":
    main()
