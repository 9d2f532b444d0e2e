"""kiln build as a user sees it: what it measures, keeps, explains and refuses."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))


def environment(**variables):
    return {k: v for k, v in os.environ.items() if not k.startswith("KILN_")} | variables


def build(*arguments, **variables):
    return subprocess.run([KILN, "build", *map(str, arguments)], capture_output=True, text=True, check=False,
                          timeout=120, env=environment(**variables))


def built(*arguments, **variables):
    done = build(*arguments, "--json", **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) | {"seconds": 0}


def conv_model(path, channels=32, layers=3, dims=(1, 32, 20, 20)):
    """3 x 3 convolutions with Relu, one after the other."""
    random = np.random.default_rng(1)
    nodes, weights = [], []
    for i in range(layers):
        weight = random.standard_normal((channels, channels, 3, 3), dtype=np.float32) / (3 * channels ** 0.5)
        weights.append(numpy_helper.from_array(weight, f"w{i}"))
        nodes.append(helper.make_node("Conv", [f"x{i}", f"w{i}"], [f"c{i}"], f"conv{i}", pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Relu", [f"c{i}"], [f"x{i + 1}"], f"relu{i}"))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x0", TensorProto.FLOAT, dims)],
                              [helper.make_tensor_value_info(f"x{layers}", TensorProto.FLOAT, None)], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


@pytest.fixture
def model(tmp_path):
    return conv_model(tmp_path / "model.onnx")


def test_the_second_build_measures_nothing_and_chooses_the_same(model, tmp_path):
    cache = tmp_path / "timings"
    first = built(model, "--timing-cache", cache)
    text, engine = cache.read_bytes(), model.with_suffix(".kiln").read_bytes()
    second = built(model, "--timing-cache", cache)
    assert cache.read_bytes() == text
    assert model.with_suffix(".kiln").read_bytes() == engine
    assert first["groups"] == second["groups"]
    assert all("measured_us" in group["pick"] for group in first["groups"] if group["ops"] == "Conv+Relu")
    assert first["difference"] < 1e-4


def test_a_damaged_cache_is_measured_again(model, tmp_path):
    cache = tmp_path / "timings"
    cache.write_text("no cache at all\n")
    built(model, "--timing-cache", cache)
    whole = cache.read_text().splitlines()
    assert "no cache at all" not in whole
    cache.write_text("\n".join(line[:-3] for line in whole))
    built(model, "--timing-cache", cache)
    assert len(cache.read_text().splitlines()) == len(whole)


def test_the_cache_lies_in_the_users_cache_folder(model, tmp_path):
    built(model, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert (tmp_path / "cache" / "kiln" / "timings").exists()
    built(model, "--timing-cache", "none", XDG_CACHE_HOME=str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_without_tuning_nothing_is_measured_or_kept(model, tmp_path):
    groups = built(model, "--tune", "off", XDG_CACHE_HOME=str(tmp_path / "cache"))["groups"]
    assert not any("measured_us" in group["pick"] for group in groups)
    assert not (tmp_path / "cache").exists()


def test_strict_mathematics_forbids_winograd(model):
    for group in built(model, "--tune", "off", "--math", "strict")["groups"]:
        assert "winograd" not in group["pick"]["what"]
        assert any(decline["tactic"] == "conv_winograd" and "strict" in decline["why"]
                   for decline in group["declines"])


def test_explain_names_picks_times_and_declines(model):
    done = build(model, "--tune", "off", "--explain")
    assert done.returncode == 0, done.stderr
    assert "conv0, relu0 Conv+Relu" in done.stdout
    assert "declined: conv_depthwise: not depthwise" in done.stdout
    assert "verified: the largest difference" in done.stdout


def test_explain_tells_what_each_rewrite_saves(tmp_path):
    """For open dims as given by --shapes, or as usual."""
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], "conv"), helper.make_node("Mul", ["c", "s"], ["y"], "scale")]
    weights = [numpy_helper.from_array(np.ones((8, 8, 1, 1), np.float32), "w"),
               numpy_helper.from_array(np.float32(3), "s")]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 8, "h", "w"))],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights)
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26)], ir_version=11), path)
    for shapes, elements in ((["--shapes", "x=2x8x5x5"], 400), ([], 8 * 640 * 640)):
        fold, = [patch for patch in built(path, "--tune", "off", *shapes)["patches"] if patch["pass"] == "fold_scales"]
        assert fold["saved"] == {"nodes": 1, "flops": elements, "bytes": 4 * (2 * elements + 1)}
    text = build(path, "--tune", "off", "--shapes", "x=2x8x5x5", "--explain").stdout
    assert "(1 node, 400 FLOP, 3.20 kB)" in text and "all together" in text


def test_the_rewritten_graph_can_be_kept(model, tmp_path):
    assert build(model, "--tune", "off", "--save-onnx", tmp_path / "out.onnx").returncode == 0
    onnx.checker.check_model(onnx.load(tmp_path / "out.onnx"))


def test_shapes_of_open_dims(tmp_path):
    path = conv_model(tmp_path / "open.onnx", dims=("n", 32, "h", "w"))
    groups = built(path, "--tune", "off", "--shapes", "x0=2x32x12x10")["groups"]
    assert all("f32[2,32,12,10]" in group["problem"] for group in groups)


def test_an_engine_is_built_anew_from_itself(model, tmp_path):
    out, again = tmp_path / "a.kiln", tmp_path / "b.kiln"
    assert build(model, "-o", out, "--tune", "off", "--math", "strict").returncode == 0
    done = subprocess.run([KILN, "rebuild", out, "-o", again, "--prefer", "memory"], capture_output=True, text=True,
                          check=False, timeout=120, env=environment())
    assert done.returncode == 0, done.stderr
    info = subprocess.run([KILN, "info", again], capture_output=True, text=True, check=False, env=environment()).stdout
    assert "strict" in info and "memory" in info
    wrong = subprocess.run([KILN, "rebuild", model], capture_output=True, text=True, check=False, env=environment())
    assert wrong.returncode == 2 and "is no engine" in wrong.stderr


def test_ctrl_c_keeps_the_best_so_far(tmp_path):
    path = conv_model(tmp_path / "large.onnx", channels=256, layers=6, dims=(1, 256, 100, 100))
    process = subprocess.Popen([KILN, "build", path, "--tune", "full", "--time-budget", "100s", "--no-verify",
                                "--timing-cache", tmp_path / "timings"], stdout=subprocess.PIPE, text=True,
                               env=environment(),
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "built in" in out
