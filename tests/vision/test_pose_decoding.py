"""Joints of kiln.vision.Pose against a plain decoding in NumPy, to 0.1 pixel: heat maps with each refinement, SimCC,
mirrored pictures, boxes that lie partly outside, and networks of 3-D poses with several inputs and outputs."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import kiln  # noqa: E402
import kiln.vision  # noqa: E402
import small_networks  # noqa: E402
from onnx import TensorProto, helper, numpy_helper, save  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
PICTURE = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
BOXES = [(100, 50, 180, 290), (10.5, 20.25, 390, 80), (-40, -30, 120, 90), (0, 0, 400, 300)]
# Left and right in a mirror, in COCO's order.
COCO_PAIRS = [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)]


def bumps(random, joints, height, width):
    """A hill for each joint, with a little noise."""
    y, x = np.mgrid[0:height, 0:width]
    maps = []
    for _ in range(joints):
        cx, cy = random.uniform(4, width - 5), random.uniform(4, height - 5)
        maps.append(0.9 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 8) + random.uniform(0, 1e-3, (height, width)))
    return np.array(maps, np.float32)[None]


def smoothed(level):
    """With a Gaussian of deviation 2 over 11 pixels, 0 beyond the border."""
    weights = np.exp(-(np.arange(11) - 5.0) ** 2 / 8)
    weights /= weights.sum()
    padded = np.pad(level.astype(np.float64), 5)
    rows = sum(weights[k] * padded[:, k:k + level.shape[1]] for k in range(11))
    return sum(weights[k] * rows[k:k + level.shape[0]] for k in range(11))


def refined(level, refinement):
    """The peak of a map as (x, y, score)."""
    y, x = np.unravel_index(level.argmax(), level.shape)
    place = np.array([x, y], float)
    height, width = level.shape
    if refinement == "quarter":
        if 0 < x < width - 1:
            place[0] += 0.25 * np.sign(level[y, x + 1] - level[y, x - 1])
        if 0 < y < height - 1:
            place[1] += 0.25 * np.sign(level[y + 1, x] - level[y - 1, x])
    if refinement == "taylor" and 1 < x < width - 2 and 1 < y < height - 2:
        logs = np.log(np.maximum(smoothed(level), 1e-10))
        dx, dy = (logs[y, x + 1] - logs[y, x - 1]) / 2, (logs[y + 1, x] - logs[y - 1, x]) / 2
        dxx = (logs[y, x + 2] - 2 * logs[y, x] + logs[y, x - 2]) / 4
        dyy = (logs[y + 2, x] - 2 * logs[y, x] + logs[y - 2, x]) / 4
        dxy = (logs[y + 1, x + 1] - logs[y - 1, x + 1] - logs[y + 1, x - 1] + logs[y - 1, x - 1]) / 4
        place -= np.linalg.solve([[dxx, dxy], [dxy, dyy]], [dx, dy])
    return *place, level[y, x]


def part_of(box, side, padding=1.25):
    """Left, top and scale of the part of the picture that a square input of `side` shows."""
    left, top, right, bottom = box
    scale = max(right - left, bottom - top) * padding / side
    return (left + right) / 2 - scale * side / 2, (top + bottom) / 2 - scale * side / 2, scale


def in_picture(places, box, side, cells_x, cells_y):
    left, top, scale = part_of(box, side)
    return np.stack([places[:, 0] * side / cells_x * scale + left, places[:, 1] * side / cells_y * scale + top], 1)


def swapped(array, pairs):
    order = np.arange(array.shape[1])
    for a, b in pairs:
        order[[a, b]] = order[[b, a]]
    return array[:, order]


@pytest.mark.parametrize("refinement", ["none", "quarter", "taylor"])
@pytest.mark.parametrize("flip", [False, True])
def test_heat_maps(refinement, flip, tmp_path):
    maps = bumps(np.random.default_rng(3), 17, 24, 20)
    model = small_networks.same_answer(tmp_path / "heat.onnx", [maps])
    pose = kiln.vision.Pose(model, refinement=refinement, flip=flip)
    # The network gives the same for a mirrored picture, so that the mean is of the maps and of themselves mirrored.
    seen = (maps + swapped(maps[..., ::-1], COCO_PAIRS)) / 2 if flip else maps
    wanted = np.array([refined(level, refinement) for level in seen[0]])
    for box, person in zip(BOXES, pose.find(PICTURE, BOXES)):
        assert np.abs(person.joints[:, :2] - in_picture(wanted, box, 16, 20, 24)).max() < 0.1
        assert np.allclose(person.joints[:, 3], wanted[:, 2], atol=1e-5)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("axes", [2, 3])
def test_simcc(flip, axes, tmp_path):
    random = np.random.default_rng(4)
    scores = [random.random((1, 17, n), np.float32) for n in (32, 48, 40)[:axes]]
    model = small_networks.same_answer(tmp_path / "simcc.onnx", scores)
    seen = list(scores)
    if flip:
        mirrored = [swapped(scores[0][..., ::-1], COCO_PAIRS), *(swapped(each, COCO_PAIRS) for each in scores[1:])]
        seen = [(a + b) / 2 for a, b in zip(scores, mirrored)]
    best = np.stack([each[0].argmax(1) for each in seen], 1)
    pose = kiln.vision.Pose(model, flip=flip)
    for box, person in zip(BOXES, pose.find(PICTURE, BOXES)):
        assert np.abs(person.joints[:, :2] - in_picture(best, box, 16, 32, 48)).max() < 0.1
        assert np.allclose(person.joints[:, 3], np.minimum(seen[0][0].max(1), seen[1][0].max(1)))
        if axes == 3:
            assert np.allclose(person.joints[:, 2], best[:, 2] / 20 - 1, atol=1e-6)


def test_what_is_mirrored_comes_back(tmp_path):
    """A network that sees dots of colours finds them mirrored too, in the same places."""
    colours = {"left hand": (250, 30, 30), "right hand": (30, 250, 30), "head": (30, 30, 250)}
    model = small_networks.dot_pose(tmp_path / "dots.onnx", colours.values())
    picture = np.zeros((256, 256, 3), np.uint8)
    places = {"left hand": (60, 90), "right hand": (200, 100), "head": (130, 30)}
    for name, (x, y) in places.items():
        picture[y - 8:y + 8, x - 8:x + 8] = colours[name]
    levels = kiln.vision.Levels()
    # Dots keep their colours in a mirror, so that names without sides must not change places.
    pose = kiln.vision.Pose(model, padding=1, levels=levels, flip=True, names=["a", "b", "c"])
    for joint, (x, y) in zip(pose.find(picture)[0].joints, places.values()):
        # The first of equal levels counts: the dot's upper left.
        assert abs(joint[0] - x) <= 9 and abs(joint[1] - y) <= 9
    swaps = kiln.vision.Pose(model, padding=1, levels=levels, flip=True, names=list(colours))
    assert swaps.find(picture)[0].joints[0, 3] < 0.8 * pose.find(picture)[0].joints[0, 3]


def space_network(path, joints=21, maps=True, camera_shape=(1, 4)):
    """Three inputs, four outputs: the joints follow from box and camera as a network of 3-D hands does it."""
    random = np.random.default_rng(6)
    heat = bumps(random, joints, 28, 28)
    steps, depth = random.random((1, 2, joints)).astype(np.float32), (2 + random.random((1, joints))).astype(np.float32)
    matrix = camera_shape[-1] == 3
    nodes = [helper.make_node("Mul", ["image", "none"], ["nothing"]),
             helper.make_node("ReduceMax", ["nothing"], ["zero"], keepdims=0),
             helper.make_node("Reshape", ["bbox", "two_pairs"], ["corner_and_size"]),
             helper.make_node("Split", ["corner_and_size"], ["corner", "size"], axis=0, num_outputs=2),
             helper.make_node("Reshape", ["size", "column"], ["size_column"]),
             helper.make_node("Reshape", ["corner", "column"], ["corner_column"]),
             helper.make_node("Mul", ["steps", "size_column"], ["inside"]),
             helper.make_node("Add", ["inside", "corner_column"], ["pixels"]),
             helper.make_node("Reshape", ["intrinsics", "flat"], ["numbers"]),
             helper.make_node("Gather", ["numbers", "focal_at"], ["focal"]),
             helper.make_node("Gather", ["numbers", "centre_at"], ["centre"]),
             helper.make_node("Reshape", ["focal", "column"], ["focal_column"]),
             helper.make_node("Reshape", ["centre", "column"], ["centre_column"]),
             helper.make_node("Sub", ["pixels", "centre_column"], ["away"]),
             helper.make_node("Div", ["away", "focal_column"], ["rays"]),
             helper.make_node("Unsqueeze", ["depths", "one"], ["depth_row"]),
             helper.make_node("Mul", ["rays", "depth_row"], ["across"]),
             helper.make_node("Concat", ["across", "depth_row"], ["places"], axis=1),
             helper.make_node("Add", ["places", "zero"], ["joints"]),
             helper.make_node("Add", ["maps", "zero"], ["heat"]),
             helper.make_node("Add", ["depths", "zero"], ["depth"]),
             helper.make_node("Add", ["sure", "zero"], ["confidence"])]
    sure = random.random((1, joints)).astype(np.float32)
    constants = {"none": np.float32(0), "two_pairs": np.array([2, 2]), "column": np.array([1, 2, 1]), "steps": steps,
                 "flat": np.array([-1]), "focal_at": np.array([0, 4] if matrix else [0, 1]),
                 "centre_at": np.array([2, 5] if matrix else [2, 3]), "one": np.array([1]), "depths": depth,
                 "maps": heat, "sure": sure}
    outputs = {"heat": heat.shape, "depth": (1, joints), "joints": (1, 3, joints), "confidence": (1, joints)}
    if not maps:
        del outputs["heat"], outputs["depth"]
    inputs = {"image": (1, 3, 64, 64), "bbox": (1, 4), "intrinsics": camera_shape}
    graph = helper.make_graph(
        nodes, "space", [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 8
    save(model, path)
    return heat, steps[0], depth[0], sure[0]


@pytest.mark.parametrize("camera_shape", [(1, 4), (1, 3, 3)])
@pytest.mark.parametrize("maps", [True, False])
def test_poses_in_space(camera_shape, maps, tmp_path):
    path = tmp_path / "space.onnx"
    heat, steps, depth, sure = space_network(path, maps=maps, camera_shape=camera_shape)
    focal, centre = np.array([500.0, 450.0]), np.array([210.0, 140.0])
    pose = kiln.vision.Pose(path, camera=(*focal, *centre))
    for box, person in zip(BOXES, pose.find(PICTURE, BOXES)):
        left, top, scale = part_of(box, 64)
        pixels = steps.T * scale * 64 + (left, top)
        across = (pixels - centre) / focal * depth[:, None]
        assert np.allclose(person.space, np.column_stack([across, depth]), rtol=1e-4, atol=1e-4)
        assert np.allclose(person.joints[:, 2], depth) and np.allclose(person.joints[:, 3], sure)
        wanted = pixels
        if maps:
            wanted = in_picture(np.array([refined(level, "quarter") for level in heat[0]]), box, 64, 28, 28)
        assert np.abs(person.joints[:, :2] - wanted).max() < 0.1


def test_poses_in_space_by_command(tmp_path):
    path, picture = tmp_path / "space.onnx", tmp_path / "picture.png"
    _, steps, depth, _ = space_network(path)
    kiln.vision.save_picture(PICTURE, picture)
    done = subprocess.run([KILN, "pose", str(path), str(picture), "--json", "--camera", "500,450,210,140"],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    [person] = json.loads(done.stdout)[0]["people"]
    [same] = kiln.vision.Pose(path, camera=(500, 450, 210, 140)).find(PICTURE)
    assert np.allclose(person["space"], same.space, atol=1e-4)
    assert np.allclose(np.array(person["space"])[:, 2], depth)


def test_inputs_that_nobody_knows_are_asked_for(tmp_path):
    path = tmp_path / "two.onnx"
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "gain"], ["y"])], "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8]),
         helper.make_tensor_value_info("gain", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    save(model, path)
    with pytest.raises(kiln.Error, match="gain"):
        kiln.vision.Pose(path)
    with pytest.raises(kiln.Error, match="takes 1 numbers, found 2"):
        kiln.vision.Pose(path, inputs={"gain": [1, 2]})
    with pytest.raises(kiln.Error, match="no further input 'loss'"):
        kiln.vision.Pose(path, inputs={"gain": [1], "loss": [1]})
    levels = kiln.vision.Levels()
    one, two = (kiln.vision.Pose(path, inputs={"gain": [gain]}, levels=levels).find(PICTURE)[0] for gain in (1, 2))
    assert np.allclose(two.joints[:, 3], 2 * one.joints[:, 3])
    with pytest.raises(kiln.Error, match="mirrored"):
        kiln.vision.Pose(path, inputs={"gain": [1]}, flip=True)


def test_people_are_the_class_of_that_name(tmp_path):
    boxes = np.zeros((1, 9, 7), np.float32)
    boxes[0, 3] = 8, 8, 6, 6, 0.9, 0, 1
    detector = kiln.vision.Detector(small_networks.same_answer(tmp_path / "d.onnx", [boxes]), names=["dog", "person"])
    assert detector.find_class("person") == 1 and detector.find_class("cat") is None
    model = small_networks.same_answer(tmp_path / "heat.onnx", [bumps(np.random.default_rng(0), 3, 16, 16)])
    assert len(kiln.vision.Pose(model, detector).find(PICTURE)) == 1
    assert kiln.vision.Pose(model, detector, person_class=0).find(PICTURE) == []
