"""kiln compare: two forms of a model held against each other."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
CLASSIFIER = ROOT / "examples" / "classifier.onnx"


def kiln(*arguments, code=0, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KILN_")} | variables
    done = subprocess.run([KILN, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120,
                          env=environment)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code < 2 else done.stderr


def compare(*arguments, code=0, **variables):
    return kiln("compare", *arguments, code=code, **variables)


def report(*arguments, code=0, **variables):
    return json.loads(compare(*arguments, "--json", "-", code=code, **variables))


def conv_model(path, spoil=None):
    """3 x 3 convolutions with Relu, one after the other; the weights of one of them may be spoiled."""
    random = np.random.default_rng(1)
    nodes, weights = [], []
    for i in range(3):
        weight = random.standard_normal((16, 16, 3, 3), dtype=np.float32) / 12
        if i == spoil:
            weight[:] *= 1.01
        weights.append(numpy_helper.from_array(weight, f"w{i}"))
        nodes.append(helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"c{i}"], f"conv{i}", pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"x{i + 1}"], f"relu{i}"))
    dims = (1, 16, 20, 20)
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x0", TensorProto.FLOAT, dims)],
                              [helper.make_tensor_value_info("x3", TensorProto.FLOAT, None)], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


@pytest.fixture
def model(tmp_path):
    return conv_model(tmp_path / "model.onnx")


@pytest.fixture
def engine(model):
    kiln("build", model, "--tune", "off")
    return model.with_suffix(".kiln")


def test_all_forms_agree(model, engine):
    for a, b in ((f"ref:{model}", model), (f"ref:{model}", engine), (model, engine), (engine, f"onnx:{model}"),
                 (f"ref:{engine}", engine), (f"ref:{model}", f"ref:{engine}")):
        found = report(a, b)
        assert found["within"] and found["first_over"] is None
        value, = found["values"]
        assert value["name"] == "x3" and value["is_output"] and value["elements"] == 6400 and value["over"] == 0
        assert 0 <= value["mean_abs"] <= value["max_abs"] < 1e-4
        assert 0 <= value["mean_rel"] <= value["max_rel"]


def test_equal_forms_differ_by_nothing(model):
    value, = report(model, f"onnx:{model}", "--tol", 0)["values"]
    assert value["max_abs"] == value["max_rel"] == value["differing"] == 0


def test_errors_are_those_of_numpy(model, tmp_path):
    random = np.random.default_rng(2).standard_normal((1, 16, 20, 20), dtype=np.float32)
    np.savez(tmp_path / "in.npz", x0=random)
    other = conv_model(tmp_path / "other.onnx", spoil=2)
    value, = report(f"ref:{model}", f"ref:{other}", "--input", tmp_path / "in.npz", code=1)["values"]
    answers = []
    for i, path in enumerate((model, other)):
        kiln("run", path, "--input", tmp_path / "in.npz", "--output", tmp_path / f"out{i}", KILN_OPTIMIZE="false")
        answers.append(np.load(tmp_path / f"out{i}" / "x3.npy").astype(np.float64))
    off, magnitude = np.abs(answers[0] - answers[1]), np.abs(answers[0])
    assert value["max_abs"] == pytest.approx(off.max()) and value["mean_abs"] == pytest.approx(off.mean())
    relative = off[magnitude > 0] / magnitude[magnitude > 0]
    assert value["max_rel"] == pytest.approx(relative.max()) and value["mean_rel"] == pytest.approx(relative.mean())
    assert value["of_largest"] == pytest.approx(off.max() / magnitude.max())
    assert value["over"] == np.count_nonzero(off > 1e-3 * magnitude.max())


def test_layers_are_shown_in_order_and_the_first_that_is_off_is_marked(model, tmp_path):
    other = conv_model(tmp_path / "other.onnx", spoil=1)
    found = report(f"ref:{model}", f"ref:{other}", "--per-layer", code=1)
    assert [value["name"] for value in found["values"]] == ["c0", "x1", "c1", "x2", "c2", "x3"]
    assert [value["within"] for value in found["values"]] == [True, True, False, False, False, False]
    assert found["first_over"] == "c1"
    text = compare(f"ref:{model}", other, "--per-layer", code=1)
    assert "first over the tolerance: x2, made by node 'conv1' (Conv), by conv_" in text
    assert text.count(", the first") == 1


def test_a_tolerance_is_a_sum(model, tmp_path):
    other = conv_model(tmp_path / "other.onnx", spoil=2)
    pair = (f"ref:{model}", f"ref:{other}")
    for arguments, code in (([], 1), (["--tol", 0.011], 0), (["--tol", 0, "--rtol", 0.011], 0),
                            (["--tol", 0, "--atol", 1], 0), (["--tol", 0, "--rtol", 1e-3], 1)):
        compare(*pair, *arguments, code=code)


def test_bisect_names_the_layer(model, engine):
    """No fault is needed: with no tolerance at all, rounding is one."""
    for b in (model, engine):
        found = report(f"ref:{model}", b, "--tol", 0, "--bisect", code=1)
        assert found["blame"]["kind"] == "step" and found["blame"]["ops"] == "Conv+Relu"
        assert found["blame"]["node"].startswith("node 'conv")
        assert found["blame"]["tactic"].startswith("conv_")
    assert "to blame: node 'conv" in compare(f"ref:{model}", engine, "--tol", 0, "--bisect", code=1)


def test_bisect_names_the_rewrite(tmp_path):
    """A division by a constant becomes a product, which rounds otherwise."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], "conv"), helper.make_node("Mul", ["c", "s"], ["y"], "scale")]
    random = np.random.default_rng(3)
    weights = [numpy_helper.from_array(random.standard_normal((8, 8, 3, 3), dtype=np.float32), "w"),
               numpy_helper.from_array(np.float32(1 / 3), "s")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 8, 9, 9))],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "m.onnx")
    found = report(f"ref:{tmp_path / 'm.onnx'}", tmp_path / "m.onnx", "--tol", 0, "--bisect", code=1)
    assert found["blame"]["kind"] == "patch" and found["blame"]["pass"] == "fold_scales"


def test_bisect_knows_another_model(model, engine, tmp_path):
    other = conv_model(tmp_path / "other.onnx", spoil=1)
    assert report(f"ref:{model}", other, "--bisect", code=1)["blame"]["kind"] == "model"
    assert report(f"ref:{other}", engine, "--bisect", code=1)["blame"]["kind"] == "engine"
    assert report(f"ref:{model}", engine, "--bisect")["blame"] is None


def test_shapes_and_seeds_reach_both():
    found = report(f"ref:{CLASSIFIER}", CLASSIFIER, "--shape", "batch=3", "--seed", 7)
    assert found["inputs"][0]["type"] == "f32[3,4]" and found["within"]


def test_outputs_that_only_one_has(model, tmp_path):
    whole = onnx.load(model)
    whole.graph.output.append(helper.make_tensor_value_info("x1", TensorProto.FLOAT, None))
    onnx.save(whole, tmp_path / "more.onnx")
    assert report(f"ref:{model}", tmp_path / "more.onnx")["not_compared"] == ["x1"]
    assert report(tmp_path / "more.onnx", f"ref:{model}")["not_compared"] == ["x1"]
    whole.graph.output[0].name, whole.graph.node[-1].output[0] = "z", "z"
    del whole.graph.output[1]
    onnx.save(whole, tmp_path / "none.onnx")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KILN_")}
    done = subprocess.run([KILN, "compare", model, tmp_path / "none.onnx"], capture_output=True, text=True,
                          check=False, env=environment)
    assert done.returncode == 1 and "no output of the same name" in done.stderr


def test_a_report_is_written(model, tmp_path):
    assert "within the tolerance" in compare(f"ref:{model}", model, "--json", tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text())["within"]


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="no onnxruntime")
def test_onnxruntime(model):
    found = report(f"ort:{model}", model, "--per-layer", KILN_PYTHON=sys.executable)
    assert found["a"].startswith("ONNX Runtime ") and found["within"]
    assert [value["name"] for value in found["values"]] == ["x1", "x2", "x3"]


def test_onnxruntime_that_is_not_there(model, tmp_path):
    assert "cannot be started" in compare(f"ort:{model}", model, code=2, KILN_PYTHON=str(tmp_path / "none"))
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho 'No module named onnxruntime' >&2\nexit 77\n")
    fake.chmod(0o755)
    said = compare(f"ort:{model}", model, code=2, KILN_PYTHON=str(fake))
    assert "has no ONNX Runtime (No module named onnxruntime)" in said and "KILN_PYTHON" in said


@pytest.mark.parametrize("arguments, part", [
    (["/nowhere.onnx", CLASSIFIER], "there is no such file"),
    ([CLASSIFIER], "b is required"),
    ([CLASSIFIER, f"ref:{CLASSIFIER}", "--bisect"], "expected an engine"),
    ([CLASSIFIER, CLASSIFIER, "--tol", "-1"], "--tol"),
    ([CLASSIFIER, CLASSIFIER, "--input", "y=zeros"], "no such input"),
])
def test_wrong_use(arguments, part):
    assert part in compare(*arguments, code=2)


def test_an_engine_is_no_onnx_file(engine):
    assert "found an engine, expected an ONNX file" in compare(f"onnx:{engine}", engine, code=2)
