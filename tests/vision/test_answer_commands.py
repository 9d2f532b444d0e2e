"""kiln classify, segment, pose and embed as a user calls them, on networks of a few nodes whose answers are known."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import kiln.vision as kiln_vision  # noqa: E402
import small_networks  # noqa: E402
from small_networks import same_answer  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
PICTURES = Path(__file__).parent / "pictures"
PAGE = PICTURES / "page.png"


def kiln(*arguments):
    return subprocess.run([KILN, *map(str, arguments)], capture_output=True, text=True, timeout=300)


def answer(*arguments):
    done = kiln(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def mean_colours(tmp_path):
    return small_networks.mean_colours(tmp_path / "mean.onnx")


@pytest.fixture
def echo(tmp_path):
    return small_networks.echo(tmp_path / "echo.onnx")


def test_classify(mean_colours, tmp_path):
    drawn = tmp_path / "drawn.png"
    [found] = answer("classify", mean_colours, PICTURES / "plain.bmp", "--most", 2, "-o", drawn, "--mean", "0,0,0",
                     "--deviation", "1,1,1")
    assert [entry["name"] for entry in found["classes"]] == ["red", "green"]
    assert set(found["times_ms"]) == {"decode", "pre-process", "classify", "post-process", "draw and write"}
    assert drawn.read_bytes().startswith(b"\x89PNG")
    done = kiln("classify", mean_colours, "--mean", "0,0", PICTURES / "plain.bmp")
    assert done.returncode == 2 and "three numbers" in done.stderr
    names = tmp_path / "names.txt"
    names.write_text("a\nb\nc\n")
    done = kiln("classify", mean_colours, PICTURES / "plain.bmp", "--names", names, "--show-time", "--bgr")
    assert done.returncode == 0 and "ms" in done.stdout and done.stdout.splitlines()[0].split()[-1] in "abc"


def test_segment(echo, tmp_path):
    drawn = tmp_path / "drawn.png"
    [found] = answer("segment", echo, PICTURES / "plain.bmp", "-o", drawn, "--mean", "0,0,0", "--deviation", "1,1,1",
                     "--cover", 1, "--letterbox")
    assert abs(sum(entry["share"] for entry in found["classes"]) - 1) < 1e-6
    assert {entry["class"] for entry in found["classes"]} == {0, 1, 2}
    plain = kiln_vision.load_picture(drawn)
    answer("segment", echo, PICTURES / "plain.bmp", "-o", drawn, "--mean", "0,0,0", "--deviation", "1,1,1",
           "--cover", 1, "--letterbox", "--legend")
    legend = kiln_vision.load_picture(drawn)
    assert legend.shape == plain.shape and (legend != plain).any()


def test_pose(tmp_path):
    rng = np.random.default_rng(2)
    x, y = rng.random((1, 17, 32), np.float32), rng.random((1, 17, 32), np.float32)
    pose = same_answer(tmp_path / "pose.onnx", [x, y])
    [found] = answer("pose", pose, PAGE, "-o", tmp_path / "joints.png", "--padding", 1)
    [person] = found["people"]
    assert [joint["name"] for joint in person["joints"]][:2] == ["nose", "left eye"]
    _, _, width, height = person["box"]
    side = max(width, height)
    for k, joint in enumerate(person["joints"]):
        wanted = [(scores[0, k].argmax() / 2 - 8) * side / 16 + middle
                  for scores, middle in ((x, width / 2), (y, height / 2))]
        assert np.allclose(joint["place"][:2], wanted, atol=0.1)
        assert np.isclose(joint["score"], min(x[0, k].max(), y[0, k].max()))

    boxes = np.zeros((1, 9, 7), np.float32)
    boxes[0, 3] = 8, 8, 6, 6, 0.9, 1, 0
    detector = same_answer(tmp_path / "detector.onnx", [boxes])
    [found] = answer("pose", detector, pose, PAGE)
    assert len(found["people"]) == 1 and "find people" in found["times_ms"]
    [found] = answer("pose", detector, pose, PAGE, "--person-class", 1)
    assert found["people"] == []


def test_embed(mean_colours, tmp_path):
    found = answer("embed", mean_colours, PICTURES / "plain.bmp", PAGE)
    assert [Path(entry["picture"]).name for entry in found] == ["plain.bmp", "page.png"]
    assert np.isclose(np.linalg.norm(found[0]["vector"]), 1, atol=1e-5)
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("plain.bmp", "page.png", "turned.webp"):
        (folder / name).write_bytes((PICTURES / name).read_bytes())
    (folder / "notes.txt").write_text("no picture")
    found = answer("embed", mean_colours, folder, "--like", PICTURES / "plain.bmp", "--most", 2)
    assert [Path(entry["picture"]).name for entry in found] == ["plain.bmp", "turned.webp"]
    assert found[0]["similarity"] > 0.9999
    sheet = tmp_path / "sheet.png"
    answer("embed", mean_colours, folder, "--like", PICTURES / "plain.bmp", "--most", 2, "-o", sheet)
    assert kiln_vision.load_picture(sheet).shape == (176, 512, 3)
    assert "--like" in kiln("embed", mean_colours, folder, "-o", sheet).stderr
    (tmp_path / "empty").mkdir()
    assert "no pictures" in kiln("embed", mean_colours, tmp_path / "empty").stderr


def test_detect_knows_other_heads(tmp_path):
    levels = [np.full((1, 6, side, side), -9, np.float32) for side in (4, 2)]
    levels[1][0, :, 0, 1] = 0, 0, 0, 0, 9, 9
    raw = same_answer(tmp_path / "raw.onnx", levels)
    [found] = answer("detect", raw, PAGE, "--anchors", "4,4,8,6", "--fit", "stretch")
    [box] = found["objects"]
    assert box["class"] == 0 and box["score"] > 0.99
    assert "standard ones" in kiln("detect", raw, PAGE).stderr

    logits, boxes = np.zeros((1, 2, 3), np.float32), np.zeros((1, 2, 4), np.float32)
    logits[0, 1] = 0, 5, 0
    boxes[0, 1] = 0.5, 0.5, 0.5, 0.5
    detr = same_answer(tmp_path / "detr.onnx", [logits, boxes])
    for way, wanted in (("softmax", np.exp(5) / (np.exp(5) + 2)), ("sigmoid", 1 / (1 + np.exp(-5)))):
        [found] = answer("detect", detr, PAGE, "--logits", way, "--score", 0.6, "--most", 1)
        assert abs(found["objects"][0]["score"] - wanted) < 1e-3 and found["objects"][0]["class"] == 1


@pytest.mark.parametrize("command", ["classify", "segment", "pose", "embed", "detect"])
def test_a_model_of_another_kind_is_refused(command, tmp_path):
    model = same_answer(tmp_path / "other.onnx", [np.zeros((7, 3, 2, 2, 2), np.float32)])
    done = kiln(command, model, PAGE)
    assert done.returncode == 1 and "expected" in done.stderr and "f32[7,3,2,2,2]" in done.stderr
