"""kiln.vision, on networks of a few nodes whose answers are known."""
import threading
from pathlib import Path

import numpy as np
import pytest

import kiln
import kiln.vision

PICTURES = Path(__file__).resolve().parents[1] / "vision" / "pictures"
PLAIN = kiln.vision.Levels()


def mean_colours():
    b = kiln.GraphBuilder()
    b.output(b.flatten(b.global_average_pool(b.input("x", "float32", (1, 3, 16, 16)))), "y")
    return b


def echo():
    b = kiln.GraphBuilder()
    b.output(b.relu(b.input("x", "float32", (1, 3, 16, 16))), "y")
    return b


def same_answer(*arrays):
    """A network that gives these arrays whatever it sees."""
    b = kiln.GraphBuilder()
    nothing = b.mul(b.input("x", "float32", (1, 3, 16, 16)), b.constant(np.float32(0)))
    zero = b.op("ReduceMax", nothing, keepdims=0)
    for i, array in enumerate(arrays):
        b.output(b.add(b.constant(array), zero), f"y{i}")
    return b


def halves(height=40, width=60):
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, :width // 2, 0] = 200
    picture[:, width // 2:, 1] = 200
    return picture


def test_pictures_are_paths_bytes_and_arrays(tmp_path):
    path = PICTURES / "plain.bmp"
    picture = kiln.vision.load_picture(path)
    assert picture.shape == (16, 24, 3) and picture.dtype == np.uint8
    assert np.array_equal(kiln.vision.load_picture(path.read_bytes()), picture)
    assert np.array_equal(kiln.vision.load_picture(str(path)), picture)
    kiln.vision.save_picture(picture[:, ::-1], tmp_path / "turned.png")
    assert np.array_equal(kiln.vision.load_picture(tmp_path / "turned.png"), picture[:, ::-1])
    for wrong in (picture[..., 0], picture.astype(np.float32), np.zeros((3, 3, 4), np.uint8)):
        with pytest.raises(TypeError, match="uint8"):
            kiln.vision.load_picture(wrong)
    with pytest.raises(kiln.Error) as caught:
        kiln.vision.load_picture(b"no picture")
    assert caught.value.code == "invalid_data"
    with pytest.raises(kiln.Error):
        kiln.vision.load_picture(tmp_path / "absent.png")


def test_classifier():
    classifier = kiln.vision.Classifier(mean_colours(), most=2, names=["red", "green", "blue"], levels=PLAIN)
    picture = halves()
    picture[:, 30:36] = 255, 0, 0
    found = classifier.classify(picture)
    assert [entry.name for entry in found] == ["red", "green"]
    assert 0.5 > found[0].score > found[1].score > 0
    assert classifier.classify(PICTURES / "page.png")


def test_segmenter():
    segmenter = kiln.vision.Segmenter(echo(), names=["red", "green", "blue"], levels=PLAIN)
    found = segmenter.segment(halves())
    assert found.shape == (40, 60) and found.dtype == np.uint16
    assert (found[:, :27] == 0).all() and (found[:, 33:] == 1).all()
    assert segmenter.name_of(1) == "green"


def test_embedder():
    embedder = kiln.vision.Embedder(mean_colours(), levels=PLAIN)
    red, green = np.full((9, 9, 3), (255, 9, 9), np.uint8), np.full((9, 9, 3), (9, 255, 9), np.uint8)
    vectors = [embedder.embed(red), embedder.embed(green)]
    assert np.isclose(np.linalg.norm(vectors[0]), 1)
    [(index, cosine)] = kiln.vision.most_similar(embedder.embed(green), vectors, most=1)
    assert index == 1 and np.isclose(cosine, 1)
    assert kiln.vision.most_similar(vectors[0], []) == []


def test_pose_and_detector():
    rng = np.random.default_rng(1)
    x, y = rng.random((1, 17, 32), np.float32), rng.random((1, 17, 32), np.float32)
    pose = kiln.vision.Pose(same_answer(x, y), padding=1)
    box = (10, 20, 42, 52)
    [person] = pose.find(halves(100, 100), [box])
    assert person.box == box and person.joints.shape == (17, 4)
    assert np.allclose(person.joints[:, 0], x[0].argmax(1) + 10, atol=0.1)
    assert np.allclose(person.joints[:, 1], y[0].argmax(1) + 20, atol=0.1)
    assert np.allclose(person.joints[:, 3], np.minimum(x[0].max(1), y[0].max(1)))
    assert pose.name_of(0) == "nose" and (5, 7) in pose.skeleton(17)
    [whole] = pose.find(halves(16, 16))
    assert whole.box == (0, 0, 16, 16)

    boxes = np.zeros((1, 9, 7), np.float32)
    boxes[0, 3] = 8, 8, 4, 4, 0.9, 0, 1
    detector = kiln.vision.Detector(same_answer(boxes), names=["cat", "person"])
    [found] = detector.detect(halves(32, 32))
    assert found.name == "person" and found.class_index == 1 and np.isclose(found.score, 0.9)
    assert np.allclose(found.box, (12, 12, 20, 20))
    assert len(kiln.vision.Pose(same_answer(x, y), detector, person_class=1).find(halves(32, 32))) == 1
    assert len(kiln.vision.Pose(same_answer(x, y), detector).find(halves(32, 32))) == 1  # the class named "person"
    assert kiln.vision.Pose(same_answer(x, y), detector, person_class=0).find(halves(32, 32)) == []


def test_models_are_all_that_a_session_takes(tmp_path):
    model = mean_colours().model()
    model.save_onnx(str(tmp_path / "model.onnx"))
    kiln.build(tmp_path / "model.onnx", tune="off").save(tmp_path / "model.kiln")
    found = [kiln.vision.Classifier(source, levels=PLAIN).classify(halves()) for source in (
        model, str(tmp_path / "model.onnx"), tmp_path / "model.kiln", (tmp_path / "model.onnx").read_bytes(),
        kiln.build(tmp_path / "model.onnx", tune="off"))]
    assert all(np.isclose(answer[0].score, found[0][0].score) for answer in found)
    with pytest.raises(kiln.Error):
        kiln.vision.Classifier(tmp_path / "absent.onnx")


def test_what_is_wrong_is_said():
    with pytest.raises(kiln.Error, match="DETR's logits"):
        kiln.vision.Detector(mean_colours()).detect(halves())
    with pytest.raises(kiln.Error, match="heat maps"):
        kiln.vision.Pose(mean_colours()).find(halves())
    with pytest.raises(kiln.Error, match="'stretch', 'letterbox'"):
        kiln.vision.Segmenter(echo(), fit="wide")
    with pytest.raises(kiln.Error, match="recogniser"):
        kiln.vision.OCR(echo())
    with pytest.raises(kiln.Error, match="three colours"):
        kiln.vision.Embedder(echo(), levels=kiln.vision.Levels(mean=[0.5]))


def test_threads_share_a_classifier():
    classifier = kiln.vision.Classifier(mean_colours(), levels=PLAIN)
    wanted, answers = classifier.classify(halves()), []
    threads = [threading.Thread(target=lambda: answers.extend(classifier.classify(halves()) for _ in range(20)))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 80 and all(answer == wanted for answer in answers)
