"""Networks by hand, and weights from files."""
import json
import os
import struct
import zipfile

import numpy as np
import pytest

import kiln

RANDOM = np.random.default_rng(0)


def draw(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def run(b, **feed):
    return kiln.Session(b).run(feed)


def test_a_network_of_layers():
    b = kiln.GraphBuilder("small")
    w, bias, fc, fc_bias = draw(4, 3, 3, 3), draw(4), draw(5, 4 * 4 * 4), draw(5)
    x = b.input("x", "float32", ("n", 3, 8, 8))
    y = b.max_pool2d(b.relu(b.conv2d(x, w, bias, padding=1)), 2)
    assert y.shape == ("n", 4, 4, 4) and y.dtype == np.float32
    y = b.linear(b.flatten(y), fc, fc_bias)
    assert y.shape == ("n", 5)
    b.output(b.softmax(y), "chances")
    given = draw(2, 3, 8, 8)
    found = run(b, x=given)["chances"]

    padded = np.pad(given, ((0, 0), (0, 0), (1, 1), (1, 1)))
    conv = sum(np.einsum("nchw,oc->nohw", padded[:, :, i:i + 8, j:j + 8], w[:, :, i, j])
               for i in range(3) for j in range(3)) + bias[:, None, None]
    pooled = np.maximum(conv, 0).reshape(2, 4, 4, 2, 4, 2).max((3, 5))
    scores = pooled.reshape(2, -1) @ fc.T + fc_bias
    chances = np.exp(scores - scores.max(1, keepdims=True))
    np.testing.assert_allclose(found, chances / chances.sum(1, keepdims=True), rtol=1e-4, atol=1e-5)
    assert b.model().info.graph_name == "small"


def test_arithmetic():
    b = kiln.GraphBuilder()
    x = b.input("x", np.float32, ("n", 3))
    m = draw(3, 3)
    b.output((1 - x * 2) / 4 + (x @ m) - np.float32(0.5) + -x, "y")
    b.output(m + x, "z")
    given = draw(3, 3)
    found = run(b, x=given)
    np.testing.assert_allclose(found["y"], (1 - given * 2) / 4 + given @ m - 0.5 - given, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["z"], m + given)


def test_any_operator_by_name():
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", (4, 6))
    values, places = b.op("TopK", x, np.array([2]), outputs=2, axis=1)
    b.output(values, "values")
    b.output(places, "places")
    b.output(b.Clip(x, None, np.float32(0.5)), "clipped")
    b.output(b.op("LabelEncoder", places, domain="ai.onnx.ml", keys_int64s=[0, 1], values_strings=["a", "b"]), "names")
    given = draw(4, 6)
    found = run(b, x=given)
    assert (found["values"] == -np.sort(-given, axis=1)[:, :2]).all()
    assert (found["clipped"] == np.minimum(given, 0.5)).all() and set(found["names"].ravel()) <= {"a", "b", "_Unused"}


def test_the_other_layers():
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", (1, 2, 4, 4))
    b.output(b.average_pool2d(x, 2), "pooled")
    b.output(b.mean(b.global_average_pool(x), (2, 3)), "mean")
    b.output(b.conv_transpose2d(x, np.ones((2, 1, 2, 2), np.float32), stride=2), "larger")
    b.output(b.batch_norm(x, *(np.array(v, np.float32) for v in ([1, 2], [0, 1], [0, 0], [1, 4])), epsilon=0),
             "normal")
    b.output(b.layer_norm(x, np.ones(4, np.float32)), "layers")
    b.output(b.transpose(b.reshape(x, (2, 16)), (1, 0)), "turned")
    b.output(b.concat([x, x], 1), "both")
    b.output(b.embedding(b.constant(np.array([1, 0])), np.eye(2, dtype=np.float32)), "rows")
    b.output(b.mul(b.sigmoid(x), b.add(b.tanh(x), b.add(b.gelu(x), b.silu(x)))), "mixed")
    b.output(b.matmul(x, x), "product")
    given = draw(1, 2, 4, 4)
    found = run(b, x=given)
    np.testing.assert_allclose(found["pooled"], given.reshape(1, 2, 2, 2, 2, 2).mean((3, 5)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["mean"], given.mean((2, 3)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["larger"][0, 0], given[0].sum(0).repeat(2, 0).repeat(2, 1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["normal"][0, 1], given[0, 1] * 2 / 2 + 1, rtol=1e-5)
    assert abs(found["layers"].mean()) < 1e-5 and found["both"].shape == (1, 4, 4, 4)
    assert (found["turned"] == given.reshape(2, 16).T).all() and found["rows"].tolist() == [[0, 1], [1, 0]]
    np.testing.assert_allclose(found["product"], given @ given, rtol=1e-4, atol=1e-5)


def test_the_call_that_is_wrong_fails():
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", ("n", 3))
    for call, message in (
            (lambda: b.op("Relv", x), "no operator 'Relv'; is 'Relu' meant"),
            (lambda: b.op("Softmax", x, axes=1), "'Softmax'.*no attribute 'axes'; is 'axis' meant"),
            (lambda: b.op("Softmax", x, axis="1"), "'axis' is of type string, expected int"),
            (lambda: b.op("Softmax", x, x), "2 inputs are given, expected at most 1"),
            (lambda: b.op("Concat", x, x), "'axis' .int. is required"),
            (lambda: b.matmul(x, np.ones((4, 4), np.float32)), "MatMul"),
            (lambda: b.conv2d(x, draw(4, 3, 3, 3)), "Conv"),
            (lambda: b.op("Relu", kiln.GraphBuilder().input("other", "float32", (1,))), "another network"),
            (lambda: b.input("x", "float32", (1,)), "a value 'x' already"),
            (lambda: b.input("q", "datetime64", (1,)), "datetime64"),
            (lambda: b.model(), "no output yet")):
        with pytest.raises(kiln.Error, match=message):
            call()
    with pytest.raises(AttributeError, match="relv"):
        b.relv(x)
    b.output(b.relu(x))
    assert [port.name for port in b.model().outputs] == ["Relu"]


def test_an_input_may_be_the_output(tmp_path):
    b = kiln.GraphBuilder()
    b.output(b.input("x", "float32", (2,)), "y")
    b.save(tmp_path / "same.onnx")
    for made in (b, kiln.build(b, tune="off"), tmp_path / "same.onnx"):
        assert kiln.Session(made).run({"x": np.array([1, 2], np.float32)})["y"].tolist() == [1, 2]


def test_branches(tmp_path):
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", ("n", 2))
    large = b.op("Greater", b.mean(x, (0, 1)), np.float32(0))
    y = b.if_else(large, lambda: b.relu(x), lambda: x * 0.5)
    assert isinstance(y, kiln.Var) and y.shape == ("n", 2)
    low, high = b.if_else(large, lambda: (x - 1, x + 1), lambda: (-x, b.relu(x)))
    for value, name in ((y, "y"), (low, "low"), (high, "high")):
        b.output(value, name)
    b.save(tmp_path / "branches.onnx")
    for made in (b, tmp_path / "branches.onnx"):
        for given in (np.array([[3, -1]], np.float32), np.array([[-3, 1], [0, 0]], np.float32)):
            found = kiln.Session(made).run({"x": given})
            is_large = given.mean() > 0
            assert (found["y"] == (np.maximum(given, 0) if is_large else given * 0.5)).all()
            assert (found["low"] == (given - 1 if is_large else -given)).all()
            assert (found["high"] == (given + 1 if is_large else np.maximum(given, 0))).all()


def test_loops():
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", (2,))
    power, powers = b.loop(4, x, lambda i, y: kiln.Turn(x * y, collect=y))
    b.output(power, "power")
    b.output(powers, "powers")
    count, total = b.loop(None, [np.int64(0), np.float32(0)], lambda i, count, total: kiln.Turn(
        (count + 1, total + b.mean(x, 0)), go_on=b.op("Less", total, np.float32(10))))
    b.output(count, "count")
    b.output(total, "total")
    b.output(b.loop(3, x, lambda i, y: y + b.op("Cast", i, to=np.float32), condition=np.array(False)), "never")
    found = run(b, x=np.array([2, 4], np.float32))
    assert found["power"].tolist() == [2**5, 4**5] and found["powers"].tolist() == [[2**i, 4**i] for i in range(1, 5)]
    assert found["count"] == 5 and found["total"] == 15 and found["never"].tolist() == [2, 4]


def test_scans():
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", ("n", 3))
    total, sums = b.scan(np.zeros(3, np.float32), x, lambda total, row: kiln.Turn(total + row, collect=total + row))
    b.output(total, "total")
    b.output(sums, "sums")
    b.output(b.scan([], [x, x], lambda a, c: kiln.Turn(collect=a @ c), axes=[0, 0], collect_backwards=True), "squares")
    given = draw(4, 3)
    found = run(b, x=given)
    np.testing.assert_allclose(found["sums"], given.cumsum(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["total"], given.sum(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["squares"], (given**2).sum(1)[::-1], rtol=1e-5)


def test_graphs_as_attributes():
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", (4, 2))
    parts = b.op("SplitToSequence", x, np.int64(1), axis=0)
    twice = b.op("SequenceMap", parts, body=b.subgraph(lambda part: part * 2, ("float32", (1, 2))))
    b.output(b.op("ConcatFromSequence", twice, axis=0), "y")
    graph = b.subgraph(lambda: b.relu(x), name="positive")
    b.output(b.op("If", np.array(True), then_branch=graph, else_branch=graph), "z")
    given = draw(4, 2)
    found = run(b, x=given)
    assert (found["y"] == given * 2).all() and (found["z"] == np.maximum(given, 0)).all()
    with pytest.raises(kiln.Error, match="'body' is of type int, expected graph"):
        b.op("SequenceMap", parts, body=3)


def test_the_body_that_is_wrong_fails():
    b = kiln.GraphBuilder()
    x, yes = b.input("x", "float32", (2,)), np.array(True)
    inside = []
    for call, message in (
            (lambda: b.if_else(yes, lambda: x, lambda: (x, x)), "one branch gives 1 values and the other 2"),
            (lambda: b.if_else(yes, lambda: x, lambda: b.op("Cast", x, to=np.int64)), "f32.2. in one branch and i64"),
            (lambda: b.if_else(yes, lambda: b.relu(x, x), lambda: x), "relu"),
            (lambda: b.if_else(yes, lambda: b.input("y"), lambda: x), "inside of a node"),
            (lambda: b.loop(2, x, lambda i, y: (y, y)), "2 values of state, expected 1"),
            (lambda: b.loop(2, x, lambda i, y: i), "begins as f32.2. and goes on as i64"),
            (lambda: b.scan((), x, lambda y: y, axes=3), "no axis 3"),
            (lambda: b.scan((), x, lambda y: kiln.Turn(collect=y), collect_axes=[0, 1]), "2 numbers are given"),
            (lambda: b.if_else(yes, lambda: inside.append(b.relu(x)) or x, lambda: x) and b.relu(inside[0]),
             "inside of another node")):
        with pytest.raises((kiln.Error, TypeError), match=message):
            call()
    with pytest.raises(ZeroDivisionError):
        b.if_else(yes, lambda: 1 // 0, lambda: x)
    b.output(b.relu(x), "y")
    assert run(b, x=np.array([-1, 1], np.float32))["y"].tolist() == [0, 1]


def test_outputs():
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", (2,))
    b.output(x, "same")
    y = b.relu(x)
    b.output(y, "positive")
    b.output(y)
    b.output(np.array([1.0, 2.0]), "constant")
    found = run(b, x=np.array([-1, 1], np.float32))
    assert found["same"].tolist() == [-1, 1] and found["positive"].tolist() == [0, 1]
    assert found["constant"].tolist() == [1, 2] and len(found) == 4
    b.output(b.op("Neg", x), "later")
    assert len(run(b, x=np.zeros(2, np.float32))) == 5


def test_weights_are_copied_unless_nobody_may_write_them():
    weight = np.ones(3, np.float32)
    b = kiln.GraphBuilder()
    b.output(b.input("x", "float32", (3,)) * weight, "y")
    weight[:] = 9
    assert run(b, x=np.ones(3, np.float32))["y"].tolist() == [1, 1, 1]


def test_saving_and_building(tmp_path):
    b = kiln.GraphBuilder()
    b.output(b.relu(b.input("x", "float32", ("n",))), "y")
    b.save(tmp_path / "relu.onnx")
    for made in (tmp_path / "relu.onnx", kiln.build(b, tune="off"), b.model()):
        assert kiln.Session(made).run({"x": np.array([-1, 2], np.float32)})["y"].tolist() == [0, 2]
    assert not [finding for finding in kiln.check(tmp_path / "relu.onnx") if finding.is_error]


def write_safetensors(path, header, content):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content)
    return path


def test_safetensors(tmp_path):
    a, c = draw(2, 3), np.arange(4, dtype=np.int64)
    header = {"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
              "c": {"dtype": "I64", "shape": [4], "data_offsets": [24, 56]},
              "none": {"dtype": "F16", "shape": [0, 5], "data_offsets": [56, 56]},
              "one": {"dtype": "U8", "shape": [], "data_offsets": [56, 57]}}
    path = write_safetensors(tmp_path / "w.safetensors", header, a.tobytes() + c.tobytes() + b"\x07")
    found = kiln.load_weights(path)
    assert (found["a"] == a).all() and (found["c"] == c).all() and found["none"].shape == (0, 5) and found["one"] == 7
    assert not found["a"].flags.writeable and set(found) == {"a", "c", "none", "one"}
    b = kiln.GraphBuilder()
    b.output(b.input("x", "float32", (2, 3)) + found["a"], "y")
    assert (run(b, x=a)["y"] == a + a).all()


def test_safetensors_of_the_package(tmp_path):
    writer = pytest.importorskip("safetensors.numpy", reason="safetensors is not installed")
    arrays = {"f": draw(3, 2), "h": draw(2).astype(np.float16), "b": np.array([True, False])}
    writer.save_file(arrays, tmp_path / "w.safetensors")
    found = kiln.load_weights(tmp_path / "w.safetensors")
    assert set(found) == set(arrays) and all((found[name] == array).all() for name, array in arrays.items())


@pytest.mark.parametrize("entry", [
    {"dtype": "F32", "shape": [2], "data_offsets": [0, 16]}, {"dtype": "F32", "shape": [4], "data_offsets": [8, 24]},
    {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}, {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]},
    {"dtype": "F31", "shape": [2], "data_offsets": [0, 8]}, {"dtype": "F32", "shape": 2, "data_offsets": [0, 8]},
    {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]}, {"dtype": "F32", "shape": [2]}, 7, None,
    {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 16]},
    {"dtype": "F32", "shape": [True, 2], "data_offsets": [0, 8]}])
def test_hostile_safetensors(tmp_path, entry):
    path = write_safetensors(tmp_path / "w.safetensors", {"w": entry}, bytes(16))
    with pytest.raises(ValueError, match="tensor 'w'"):
        kiln.load_weights(path)


@pytest.mark.parametrize("content", [b"", b"abc", struct.pack("<Q", 2**60) + b"{}", struct.pack("<Q", 2) + b"[]",
                                     struct.pack("<Q", 2) + b"{\xff", struct.pack("<Q", 3) + b"{} "[:2]])
def test_damaged_safetensors(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="w.safetensors"):
        kiln.load_weights(path)


def test_numpy_files(tmp_path):
    np.savez(tmp_path / "w.npz", a=draw(2), b=draw(3))
    np.save(tmp_path / "w.npy", draw(4))
    assert set(kiln.load_weights(tmp_path / "w.npz")) == {"a", "b"}
    assert kiln.load_weights(tmp_path / "w.npy")["w"].shape == (4,)
    with pytest.raises(ValueError, match="expected a file of weights"):
        kiln.load_weights(tmp_path / "w.txt")


def state_dict_file(path, pickled, storages):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        for name, content in storages.items():
            archive.writestr(f"archive/data/{name}", content)
    return path


def pickled_tensor(size, stride, count, offset=0, module="torch._utils", function="_rebuild_tensor_v2"):
    """The opcodes that torch.save writes for {"w": tensor}."""
    def number(value):
        return b"J" + struct.pack("<i", value)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    text = b"\x80\x02}X\x01\x00\x00\x00w"
    text += f"c{module}\n{function}\n".encode() + b"(("
    text += b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + number(count)
    text += b"tQ" + number(offset) + numbers(size) + numbers(stride) + b"\x89ccollections\nOrderedDict\n)RtRs."
    return text


def test_state_dicts_without_torch(tmp_path):
    elements = np.arange(6, dtype=np.float32)
    path = tmp_path / "w.pth"
    state_dict_file(path, pickled_tensor((2, 2), (1, 2), 6, 1), {"0": elements.tobytes()})
    assert kiln.load_weights(path)["w"].tolist() == [[1, 3], [2, 4]]
    os.remove(path)


@pytest.mark.parametrize("pickled, content", [
    (pickled_tensor((4, 2), (2, 1), 6), 24), (pickled_tensor((2,), (1,), 6, 5), 24),
    (pickled_tensor((2,), (-1,), 6), 24),
    (pickled_tensor((2,), (1,), 6), 20), (pickled_tensor((2,), (1,), 6, -1), 24), (pickled_tensor((2,), (1, 1), 6), 24),
    (pickled_tensor((2,), (1,), 6, module="os", function="system"), 24),
    (pickled_tensor((2,), (1,), 6, module="builtins", function="eval"), 24)])
def test_hostile_state_dicts(tmp_path, monkeypatch, pickled, content):
    import sys
    monkeypatch.setitem(sys.modules, "torch", None)  # its own reader would be asked
    path = state_dict_file(tmp_path / "w.pth", pickled, {"0": bytes(content)})
    with pytest.raises(ValueError, match="w.pth"):
        kiln.load_weights(path)


def test_state_dicts_of_torch(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    layer = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    state = layer.state_dict()
    torch.save(state, tmp_path / "w.pth")
    torch.save({"state_dict": {"t": torch.arange(6.0).reshape(2, 3).T, "h": torch.ones(2, dtype=torch.bfloat16)},
                "epoch": 3}, tmp_path / "checkpoint.pth")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name in ("w.pth", "old.pth"):
        found = kiln.load_weights(tmp_path / name)
        assert set(found) == set(state) and all((found[key] == value.numpy()).all() for key, value in state.items())
    found = kiln.load_weights(tmp_path / "checkpoint.pth")
    assert found["t"].tolist() == [[0, 3], [1, 4], [2, 5]] and found["h"].dtype.name == "bfloat16"
    torch.save(layer, tmp_path / "whole.pth")
    with pytest.raises(Exception, match="(?i)weights_only|unsupported|allowed"):
        kiln.load_weights(tmp_path / "whole.pth")
