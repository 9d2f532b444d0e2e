"""Pictures that are cut, huge in their header, of rare kinds or none at all, through the commands and kiln.vision: an
answer, or an error that names what is wrong. picture_test.cpp does the same for the library."""

import json
import os
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import kiln  # noqa: E402
import kiln.vision  # noqa: E402
import small_networks  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
PICTURES = Path(__file__).parent / "pictures"
# CMYK, gray, 16 bit, one bit, palettes, alpha, animated, progressive, turned.
READABLE = ["inks.jpg", "inks.tiff", "gray.jpg", "gray16.png", "gray16.tiff", "bits.png", "palette.png", "palette.bmp",
            "alpha.png", "animated.png", "animated.webp", "progressive.jpg", "turned_6.tiff", "turned.webp"]


def png_of(width, height):
    header = struct.pack(">II", width, height) + bytes([8, 2, 0, 0, 0])
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


def bmp_of(width, height):
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def jpeg_of(width, height):
    whole = bytearray((PICTURES / "progressive.jpg").read_bytes())
    frame = whole.index(b"\xff\xc2")
    whole[frame + 5:frame + 9] = struct.pack(">HH", height, width)
    return bytes(whole)


def tiff_of(width, height):
    entries = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1),
               (278, 4, height), (279, 4, width)]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4)


def unreadable():
    whole = (PICTURES / "turned_6.png").read_bytes()
    yield "empty.png", b"", "picture"
    yield "cut.png", whole[:len(whole) // 2], "PNG"
    yield "cut.webp", (PICTURES / "turned.webp").read_bytes()[:60], "WebP"
    yield "cut.tiff", (PICTURES / "turned_6.tiff").read_bytes()[:100], "TIFF"
    yield "text.jpg", b"This is not a picture at all.\n" * 40, "picture"
    yield "nulls.bmp", bytes(4096), "picture"
    yield "huge.png", png_of(100_000, 100_000), "100000 x 100000"
    yield "tall.png", png_of(1, 2**31 - 1), "2147483647"
    yield "huge.bmp", bmp_of(100_000, 100_000), "100000 x 100000"
    yield "huge.jpg", jpeg_of(65_500, 65_500), "65500 x 65500"
    yield "huge.tiff", tiff_of(100_000, 100_000), "100000 x 100000"
    yield "huge.ppm", b"P6 100000 100000 255\n", "100000 x 100000"


UNREADABLE = list(unreadable())


def run_kiln(*arguments):
    return subprocess.run([KILN, *map(str, arguments)], capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    boxes = np.zeros((1, 9, 7), np.float32)
    boxes[0, 3] = 8, 8, 6, 6, 0.9, 1, 0
    return {"detect": small_networks.same_answer(folder / "detector.onnx", [boxes]),
            "segment": small_networks.echo(folder / "echo.onnx"),
            "classify": small_networks.mean_colours(folder / "mean.onnx"),
            "embed": small_networks.mean_colours(folder / "mean2.onnx"),
            "pose": small_networks.same_answer(folder / "pose.onnx", [np.ones((1, 17, 4, 4), np.float32)])}


@pytest.mark.parametrize("name", READABLE)
def test_rare_kinds_are_read(name, models):
    picture = kiln.vision.load_picture(PICTURES / name)
    assert picture.shape == (16, 24, 3) and picture.std() > 10
    assert (kiln.vision.load_picture((PICTURES / name).read_bytes()) == picture).all()
    [found] = kiln.vision.Detector(models["detect"]).detect(PICTURES / name)
    assert found.score == pytest.approx(0.9)
    done = run_kiln("detect", models["detect"], PICTURES / name, "--json")
    assert done.returncode == 0 and len(json.loads(done.stdout)[0]["objects"]) == 1


@pytest.mark.parametrize("name,content,says", UNREADABLE, ids=[name for name, *_ in UNREADABLE])
def test_others_are_an_error(name, content, says, models, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    detector = kiln.vision.Detector(models["detect"])
    for source in (path, content):
        with pytest.raises(kiln.Error) as raised:
            detector.detect(source)
        assert says in str(raised.value)
    done = run_kiln("detect", models["detect"], path)
    assert done.returncode == 1 and says in done.stderr and name in done.stderr


@pytest.mark.parametrize("command", ["detect", "segment", "classify", "pose", "embed"])
def test_one_of_several_stops_no_command(command, models, tmp_path):
    for name, content, _ in UNREADABLE:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.png").write_bytes((PICTURES / "alpha.png").read_bytes())
    done = run_kiln(command, models[command], tmp_path, "--json")
    assert done.returncode == 1
    entries = {Path(entry["picture"]).name: entry for entry in json.loads(done.stdout)}
    assert set(entries) == {"good.png", *(name for name, *_ in UNREADABLE)}
    assert "error" not in entries.pop("good.png")
    assert all(entry["error"] for entry in entries.values())
    for name, _, says in UNREADABLE:
        assert name in done.stderr and says in done.stderr


def test_cut_anywhere(models, tmp_path):
    detector = kiln.vision.Detector(models["detect"])
    for name in ("progressive.jpg", "inks.tiff", "palette.png", "animated.webp", "palette.bmp"):
        whole = (PICTURES / name).read_bytes()
        for size in range(0, len(whole), 1 + len(whole) // 25):
            try:
                detector.detect(whole[:size])
            except kiln.Error as error:
                assert str(error)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (700, 1, 3), (2, 3, 3)])
def test_tiny_and_thin_pictures(shape, models):
    picture = np.full(shape, 99, np.uint8)
    assert len(kiln.vision.Detector(models["detect"]).detect(picture)) <= 1
    assert kiln.vision.Segmenter(models["segment"]).segment(picture).shape == shape[:2]
    assert len(kiln.vision.Pose(models["pose"]).find(picture)) == 1
    assert kiln.vision.Classifier(models["classify"]).classify(picture)[0].score > 0
    for wrong in (picture[..., :2], picture.astype(np.float32), picture[:0]):
        with pytest.raises((TypeError, kiln.Error)):
            kiln.vision.Detector(models["detect"]).detect(wrong)
