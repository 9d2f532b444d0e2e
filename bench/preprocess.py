"""Times the way from a picture to a network's input beside the OpenCV calls that it replaces, in one run.

    python bench/preprocess.py build/bench/preprocess_bench [--one-thread]        (needs opencv-python)

With --one-thread both work on one thread and the processor's time counts, which others on the machine disturb less.
"""

import argparse
import json
import os
import subprocess
import time

import cv2
import numpy as np


def letterbox(picture):
    height, width = picture.shape[:2]
    scale = min(640 / width, 640 / height)
    size = round(width * scale), round(height * scale)
    resized = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
    left, top = (640 - size[0]) // 2, (640 - size[1]) // 2
    boxed = cv2.copyMakeBorder(resized, top, 640 - size[1] - top, left, 640 - size[0] - left, cv2.BORDER_CONSTANT,
                               value=(114, 114, 114))
    return cv2.dnn.blobFromImage(boxed, 1 / 255, swapRB=True)


def stretch_normalised(picture):
    blob = cv2.dnn.blobFromImage(cv2.resize(picture, (224, 224)), 1 / 255, mean=(123.7, 116.3, 103.5), swapRB=True)
    blob /= np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1)
    return blob


def warp_cubic(picture):
    to = np.array([[0, 0], [400, 0], [400, 32], [0, 32]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array([[100, 90], [498, 104], [497, 136], [99, 121]], np.float32), to)
    return cv2.warpPerspective(picture, matrix, (400, 32), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def warp_affine(picture):
    matrix = np.array([[1.7, 0.2, 100], [-0.2, 1.7, 150]])
    warped = cv2.warpAffine(picture, matrix, (192, 256), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return cv2.dnn.blobFromImage(warped, 1 / 255, swapRB=True)


def warp_pixels(picture):
    matrix = np.array([[0.9, 0.15, 10], [-0.15, 0.9, 120]])
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def milliseconds(call, picture, clock):
    times = []
    for _ in range(200):
        start = clock()
        call(picture)
        times.append(clock() - start)
    return sorted(times)[len(times) // 5] * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--one-thread", action="store_true")
    options = parser.parse_args()
    environment, clock, measure = dict(os.environ), time.perf_counter, "real_time"
    if options.one_thread:
        environment["KILN_THREADS"] = "1"
        cv2.setNumThreads(1)
        clock, measure = time.process_time, "cpu_time"
    listed = subprocess.run([options.program, "--benchmark_format=json", "--benchmark_min_time=0.1"], check=True,
                            capture_output=True, env=environment).stdout
    print(f"{'':34} {'Kiln':>8} {'OpenCV':>8}   ms, {cv2.getNumThreads()} threads, OpenCV {cv2.__version__}")
    for entry in json.loads(listed)["benchmarks"]:
        name, *sides = entry["name"].removesuffix("/real_time").split("/")
        width, height = map(int, sides or (1200, 800))
        picture = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
        ours, other = entry[measure] / 1e6, milliseconds(globals()[name], picture, clock)
        print(f"{entry['name'].removesuffix('/real_time'):34} {ours:8.3f} {other:8.3f} {other / ours:6.2f}")


if __name__ == "__main__":
    main()
