#!/usr/bin/env python3
"""Reads 30 pictures with rapidocr-onnxruntime and with kiln.vision.OCR, in one run: the same text, boxes, time, memory.

    PYTHONPATH=build/python python bench/ocr.py [--rounds 3] [--kiln build/kiln]

Each side is a process of its own, which loads the models, reads one picture to warm up and then all of them, from file
to text. Kiln's engines are built before (`kiln build`, which is timed too). Memory is the largest resident set of the
process, Python included. Of several rounds the least counts. Needs rapidocr-onnxruntime (whose models both read) and a
font with Chinese letters.
"""
from __future__ import annotations

import argparse
import importlib.util
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "clients"))

from make_inputs import CHINESE, ENGLISH, font_path  # noqa: E402

DIGITS = ["0123456789", "3.14159265358979", "2026-11-22 03:45:17", "+49 30 1234 5678", "1,284.50", "4471-8820-3391",
          "17:05 - 18:40", "98.6 %", "192.168.10.254", "7/12 + 5/9"]
# (width, height, size of the letters, degrees, texts)
PAGES = [
    (320, 120, 24, 0, "e"), (480, 320, 28, 0, "c"), (640, 200, 36, 0, "d"), (640, 480, 22, 4, "ec"),
    (800, 600, 30, 0, "ecd"), (800, 600, 26, -5, "c"), (1024, 768, 34, 0, "ec"), (1024, 300, 44, 2, "d"),
    (1200, 900, 28, 0, "ecd"), (600, 900, 30, 0, "c"), (500, 500, 40, 8, "e"), (300, 700, 20, 0, "d"),
    (1600, 400, 48, 0, "ec"), (900, 900, 24, -8, "ecd"), (720, 240, 30, 0, "c"), (400, 250, 18, 0, "e"),
    (1280, 720, 40, 0, "ecd"), (960, 540, 26, 3, "d"), (550, 420, 32, -3, "c"), (12119, 810, 90, 0, "ecd"),
    (700, 500, 30, 15, "e"), (700, 500, 30, -15, "c"), (900, 600, 36, 12, "d"), (900, 600, 34, -12, "ecd"),
    (120, 48, 20, 0, "d"), (200, 60, 22, 0, "c"), (1920, 1080, 36, 0, "ecd"), (2400, 1600, 52, 0, "ec"),
    (2000, 3000, 60, 0, "ecd"), (3200, 900, 64, 0, "c"),
]


def draw_pictures(folder: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    ground, kinds = (250, 248, 240), {"e": ENGLISH, "c": CHINESE, "d": DIGITS}
    for index, (width, height, size, degrees, texts) in enumerate(PAGES):
        picture = Image.new("RGB", (width, height), ground)
        draw = ImageDraw.Draw(picture)
        font = ImageFont.truetype(str(font_path()), size)
        y, line = size // 2, index
        while y + 1.4 * size < height:
            x = size
            while x == size or x + 12 * size < width:
                of_kind = kinds[texts[line % len(texts)]]
                text = of_kind[(line + x) % len(of_kind)]
                draw.text((x, y), text, fill=(20, 20, 40 + 10 * (line % 8)), font=font)
                x = int(draw.textbbox((x, y), text, font=font)[2]) + 3 * size
            y, line = y + 2 * size, line + 1
        if degrees:
            picture = picture.rotate(degrees, expand=True, fillcolor=ground, resample=Image.Resampling.BICUBIC)
        picture.save(folder / f"picture_{index:02}.png")


def rapid_reader(models: Path):
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR()
    return lambda path: [(box, text) for box, text, _ in engine(path)[0] or []]


def kiln_reader(models: Path):
    import kiln.vision

    ocr = kiln.vision.OCR(*sorted(models.glob("*.kiln")))
    return lambda path: [(line.box, line.text) for line in ocr.read(path)]


def read_all(side: str, only: str, models: Path, pictures: Path, result: Path) -> None:
    begin = time.perf_counter()
    read = {"rapidocr": rapid_reader, "Kiln": kiln_reader}[side](models)
    loaded = time.perf_counter()
    paths = [str(path) for path in sorted(pictures.glob("*.png"))]
    if only:
        paths = [paths[int(index)] for index in only.split(",")]
    read(paths[0])
    found, times = {}, {}
    for path in paths:
        start = time.perf_counter()
        lines = read(path)
        times[Path(path).stem] = time.perf_counter() - start
        found[Path(path).stem] = lines
    with open(result, "wb") as file:
        pickle.dump((loaded - begin, times, found), file)


# A process begins with the resident set of the one that started it: this one is small.
LAUNCHER = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""


def run_side(side: str, only: str, models: Path, pictures: Path):
    """(load seconds, seconds of each picture, what was found, megabytes)"""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.pickle"
        command = [sys.executable, __file__, "--side", side, only, str(models), str(pictures), str(result)]
        done = subprocess.run([sys.executable, "-S", "-E", "-c", LAUNCHER, *command], stdout=subprocess.PIPE,
                              check=True)
        kilobytes, code = map(int, done.stdout.split())
        if code != 0:
            raise SystemExit(f"{side}: exit status {code}")
        with open(result, "rb") as file:
            return *pickle.load(file), kilobytes / 1024


def build_engines(kiln: str, models: Path, folder: Path) -> float:
    begin = time.perf_counter()
    for model in sorted(models.glob("*.onnx")):
        subprocess.run([kiln, "build", str(model), "-o", str(folder / f"{model.stem}.kiln")], check=True,
                       stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def shared_area(a: np.ndarray, b: np.ndarray) -> float:
    """Of two convex polygons whose corners go the same way round: `a` is cut along each side of `b`."""
    points = list(a)
    for begin, end in zip(b, np.roll(b, -1, 0)):
        def away(p):
            return (end[0] - begin[0]) * (p[1] - begin[1]) - (end[1] - begin[1]) * (p[0] - begin[0])
        kept = []
        for p, q in zip(points, points[1:] + points[:1]):
            if away(p) >= 0:
                kept.append(p)
            if (away(p) >= 0) != (away(q) >= 0):
                kept.append(p + (q - p) * (away(p) / (away(p) - away(q))))
        points = kept
        if not points:
            return 0.0
    return area(np.array(points))


def area(points: np.ndarray) -> float:
    x, y = points[:, 0], points[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def overlap(a, b) -> float:
    a, b = np.asarray(a, float), np.asarray(b, float)
    both = shared_area(a, b)
    return both / max(area(a) + area(b) - both, 1e-9)


def judge(ours: dict, theirs: dict) -> tuple[int, int, int, float]:
    """Lines of theirs, those with a box of ours that overlaps by 0.9, those with its text too, the least overlap."""
    lines = placed = same = 0
    least = 1.0
    for name, expected in theirs.items():
        if len(ours[name]) != len(expected):
            print(f"{name}: {len(ours[name])} lines, rapidocr has {len(expected)}")
        for box, text in expected:
            lines += 1
            best = max(ours[name], key=lambda line: overlap(line[0], box), default=None)
            share = overlap(best[0], box) if best else 0.0
            placed += share >= 0.9
            least = min(least, share)
            same += share >= 0.9 and best[1] == text
            if share < 0.9 or best[1] != text:
                print(f"{name}: IoU {share:.2f}, '{best[1] if best else ''}', rapidocr has '{text}'")
    return lines, placed, same, least


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kiln", default=str(ROOT / "build" / "kiln"))
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "ocr", help="where pictures and engines go")
    parser.add_argument("--only", default="", help="read these pictures only, such as 0,19,27")
    parser.add_argument("--pictures", action="store_true", help="print the time of each picture")
    options = parser.parse_args()
    missing = [name for name in ("rapidocr_onnxruntime", "PIL") if importlib.util.find_spec(name) is None]
    if missing or font_path() is None:
        print(f"skipped: needs {', '.join(missing) or 'a font with Chinese letters (fonts-wqy-microhei)'}")
        return 0
    models = Path(importlib.util.find_spec("rapidocr_onnxruntime").origin).parent / "models"
    pictures, engines = options.folder / "pictures", options.folder / "engines"
    for folder in (pictures, engines):
        folder.mkdir(parents=True, exist_ok=True)
    draw_pictures(pictures)
    print(f"engines built in {build_engines(options.kiln, models, engines):.1f} s")
    best = {}
    for _ in range(options.rounds):
        for side in ("rapidocr", "Kiln"):
            load, times, found, megabytes = run_side(side, options.only, engines, pictures)
            before = best.get(side, (load, times, found, megabytes))
            fewest = {name: min(seconds, before[1][name]) for name, seconds in times.items()}
            best[side] = min(load, before[0]), fewest, found, min(megabytes, before[3])
    lines, placed, same, least = judge(best["Kiln"][2], best["rapidocr"][2])
    if options.pictures:
        for name, seconds in best["rapidocr"][1].items():
            ours = best["Kiln"][1][name]
            print(f"{name} {seconds * 1e3:8.0f} ms {ours * 1e3:8.0f} ms {seconds / ours:6.2f}")
    print(f"{lines} lines: the same text on {same} ({100 * same / lines:.1f} %), boxes with IoU >= 0.9 on {placed}, "
          f"the least IoU is {least:.3f}")
    print(f"{'':10} {'load':>8} {'pictures':>12} {'memory':>10}")
    for side, (load, times, _, megabytes) in best.items():
        print(f"{side:10} {load:6.2f} s {sum(times.values()):10.2f} s {megabytes:7.0f} MB")
    theirs, ours = best["rapidocr"], best["Kiln"]
    print(f"{'ratio':10} {theirs[0] / ours[0]:8.2f} {sum(theirs[1].values()) / sum(ours[1].values()):12.2f} "
          f"{theirs[3] / ours[3]:10.2f}")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        read_all(sys.argv[2], sys.argv[3], *map(Path, sys.argv[4:]))
    else:
        sys.exit(main())
