"""`kiln build --preprocess` and kiln.build(preprocess=...): engines that take the pixels of a picture of any size, held
against OpenCV's levels as kiln.vision has them, and kiln detect with such engines."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import kiln  # noqa: E402
import kiln.vision  # noqa: E402
import onnx  # noqa: E402
import small_networks  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def pictures():
    random = np.random.default_rng(2)
    for height, width in [(64, 64), (40, 100), (333, 217), (8, 8), (1, 50), (640, 480)]:
        y, x = np.mgrid[0:height, 0:width]
        waves = [127 + 100 * np.sin(x / 7 + y / (9 + c)) for c in range(3)]
        yield np.clip(np.stack(waves, -1) + random.normal(0, 9, (height, width, 3)), 0, 255).astype(np.uint8)


def answer_of(session, feed):
    return next(iter(session.run(feed).values()))


def levels_by_vision(echo, picture, fit):
    """What the network is given, as the same network without pre-processing says it: its answer is its input."""
    session = kiln.Session(echo)
    height, width = picture.shape[:2]
    scale = min(64 / width, 64 / height)
    size = (64, 64) if fit == "stretch" else tuple(max(1, min(64, round(side * scale))) for side in (height, width))
    cv2 = pytest.importorskip("cv2")
    resized = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR)
    seen = np.full((64, 64, 3), 114, np.uint8)
    top, left = [(64 - side) // 2 if fit == "letterbox" else 0 for side in size]
    seen[top:top + size[0], left:left + size[1]] = resized
    return answer_of(session, {"x": seen.transpose(2, 0, 1)[None].astype(np.float32)})


@pytest.fixture
def echo(tmp_path):
    return small_networks.echo(tmp_path / "echo.onnx", 64)


@pytest.mark.parametrize("fit", ["letterbox", "stretch", "corner"])
def test_levels_are_those_of_opencv(fit, echo):
    engine = kiln.build(echo, preprocess=f"{fit},rgb", tune="off")
    session = kiln.Session(engine)
    [port] = session.inputs
    assert port.dtype == "uint8" or "u8" in str(port.dtype)
    for picture in pictures():
        found = answer_of(session, {port.name: picture})
        assert np.abs(found - levels_by_vision(echo, picture, fit)).max() <= 1


def test_colours(echo):
    picture = next(pictures())
    plain = picture.transpose(2, 0, 1)[None] / 255

    def seen(how):
        session = kiln.Session(kiln.build(echo, preprocess=how, tune="off"))
        return answer_of(session, {session.inputs[0].name: picture})

    assert np.allclose(seen("/255"), plain, atol=1e-6)
    assert np.allclose(seen("bgr,/255"), plain[:, ::-1], atol=1e-6)
    mean, deviation = (values.reshape(1, 3, 1, 1) for values in IMAGENET)
    assert np.allclose(seen("stretch,imagenet"), (plain - mean) / deviation, atol=1e-5)
    assert np.allclose(seen("/127.5,mean=1:1:1"), plain * 2 - 1, atol=1e-6)


def test_detect_takes_such_engines(tmp_path):
    colours = [(220, 50, 50), (60, 190, 70), (60, 90, 220)]
    model = small_networks.ball_detector(tmp_path / "balls.onnx", colours, ["red", "green", "blue"])
    picture = np.full((300, 500, 3), 235, np.uint8)
    y, x = np.mgrid[0:300, 0:500]
    for (cx, cy), colour in zip([(100, 80), (300, 200), (420, 70)], colours):
        picture[(x - cx) ** 2 + (y - cy) ** 2 < 47 ** 2] = colour
    path = tmp_path / "balls.png"
    kiln.vision.save_picture(picture, path)
    engine = tmp_path / "balls.kiln"
    done = subprocess.run([KILN, "build", str(model), "-o", str(engine), "--preprocess", "letterbox,rgb,/255", "--tune",
                           "off"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    wanted = kiln.vision.Detector(model, score=0.9).detect(picture)
    assert len(wanted) == 3
    for found in (kiln.vision.Detector(engine, score=0.9).detect(picture), by_command(engine, path)):
        assert [each.name for each in found] == [each.name for each in wanted]
        for ours, theirs in zip(found, wanted):
            assert np.allclose(ours.box, theirs.box, atol=1) and abs(ours.score - theirs.score) < 0.02


def by_command(engine, path):
    done = subprocess.run([KILN, "detect", str(engine), str(path), "--json", "--score", "0.9"], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [kiln.vision.Detection(each["name"], each["class"], each["score"], tuple(each["box"]))
            for each in json.loads(done.stdout)[0]["objects"]]


def test_other_commands_take_them_too(echo, tmp_path):
    picture = list(pictures())[2]
    mean = small_networks.mean_colours(tmp_path / "mean.onnx")
    built = kiln.build(mean, preprocess="stretch,imagenet", tune="off")
    plain, inside = (kiln.vision.Classifier(model).classify(picture) for model in (mean, built))
    assert [each.name for each in plain] == [each.name for each in inside]
    assert np.allclose([each.score for each in plain], [each.score for each in inside], atol=0.02)
    built = kiln.build(echo, preprocess="stretch,imagenet", tune="off")
    maps = [kiln.vision.Segmenter(model).segment(picture) for model in (echo, built)]
    assert (maps[0] == maps[1]).mean() > 0.97
    dots = small_networks.dot_pose(tmp_path / "dots.onnx", [(250, 30, 30), (30, 250, 30)])
    built = kiln.build(dots, preprocess="stretch,imagenet", tune="off")
    joints = [kiln.vision.Pose(model, padding=1).find(picture)[0].joints for model in (dots, built)]
    assert np.abs(joints[0][:, 3] - joints[1][:, 3]).max() < 0.02


def test_what_cannot_be(echo, tmp_path):
    for how, says in [("letterbox,upside", "upside"), ("/0", "divide by 0"), ("/x", "no number"),
                      ("mean=1:2", "three numbers"), ("32x32", "takes 64"), ("", "no part")]:
        if how:
            with pytest.raises(kiln.Error, match=says):
                kiln.build(echo, preprocess=how, tune="off")
    model = onnx.load(echo)
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_param = "side"
    with pytest.raises(kiln.Error, match="640x640"):
        kiln.build(model.SerializeToString(), preprocess="letterbox", tune="off")
    sized = kiln.build(model.SerializeToString(), preprocess="letterbox,48x32", tune="off")
    found = answer_of(kiln.Session(sized), {"picture": next(pictures())})
    assert found.shape == (1, 3, 32, 48)
    model.opset_import[0].version = 11
    with pytest.raises(kiln.Error, match="opset 13"):
        kiln.build(model.SerializeToString(), preprocess="letterbox,48x32", tune="off")
    other = small_networks.same_answer(tmp_path / "a.onnx", [np.zeros((1, 3), np.float32)])
    model = onnx.load(other)
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 4
    with pytest.raises(kiln.Error, match="takes no pre-processing"):
        kiln.build(model.SerializeToString(), preprocess="letterbox", tune="off")
