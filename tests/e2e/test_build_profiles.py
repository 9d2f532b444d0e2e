"""kiln build for several sizes of inputs: what it takes, makes, explains and refuses."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
RANGE = "x=1x8x4x4:1x8x24x24:2x8x96x96"


def kiln(*arguments, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KILN_")} | variables
    return subprocess.run([KILN, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300,
                          env=environment)


@pytest.fixture
def model(tmp_path):
    random = np.random.default_rng(1)
    weights = [numpy_helper.from_array(random.standard_normal((c, d, 3, 3), dtype=np.float32) / 20, name)
               for name, c, d in (("w0", 32, 8), ("w1", 32, 32))]
    nodes = [helper.make_node("Conv", ["x", "w0"], ["a"], "first", pads=[1, 1, 1, 1]),
             helper.make_node("Relu", ["a"], ["b"], "relu"),
             helper.make_node("Conv", ["b", "w1"], ["y"], "second", pads=[1, 1, 1, 1])]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ("n", 8, "h", "w"))],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights)
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_a_profile_makes_sizes_that_info_and_explain_tell(model, tmp_path):
    cache = tmp_path / "timings"
    done = kiln("build", model, "--profile", RANGE, "--timing-cache", cache, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["shapes"] == "x [1,8,24,24]"
    assert [size["shapes"] for size in report["sizes"]] == ["x [1,8,4,4]", "x [2,8,96,96]"]
    assert report["difference"] < 1e-3
    engine = model.with_suffix(".kiln")
    first = engine.read_bytes()
    explained = kiln("build", model, "--profile", RANGE, "--timing-cache", cache, "--explain")
    assert "sizes" in explained.stdout and "x [2,8,96,96]: " in explained.stdout
    assert engine.read_bytes() == first, "the same cache gives the same bytes"
    info = json.loads(kiln("info", engine, "--json").stdout)
    assert info["profiles"] == [{"x": {"least": [1, 8, 4, 4], "typical": [1, 8, 24, 24], "largest": [2, 8, 96, 96]}}]
    sizes = info["variants"][0]["sizes"]
    changed = [len(size["groups"]) for size in report["sizes"] if size["own_ways"]]
    assert sum(bool(size["changes"]) for size in sizes) == len(changed)
    text = kiln("info", engine).stdout
    assert "x from 1x8x4x4 to 2x8x96x96, mostly 1x8x24x24" in text
    assert ("x 1x8x4x4" in text) == bool(sizes)
    again = kiln("rebuild", engine, "-o", tmp_path / "again.kiln", "--timing-cache", cache)
    assert again.returncode == 0, again.stderr
    assert json.loads(kiln("info", tmp_path / "again.kiln", "--json").stdout)["profiles"] == info["profiles"]


@pytest.mark.parametrize("shape", ["1x8x4x4", "1x8x24x24", "2x8x50x33", "1x8x1x1", "3x8x120x130"])
def test_shapes_in_and_outside_give_the_reference_answer(model, shape):
    assert kiln("build", model, "--profile", RANGE, "--tune", "off").returncode == 0
    done = kiln("compare", model.with_suffix(".kiln"), f"ref:{model}", "--shape", f"x={shape}")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_shape_outside_is_noted_where_that_is_asked_for(model):
    assert kiln("build", model, "--profile", RANGE, "--tune", "off").returncode == 0
    engine = model.with_suffix(".kiln")
    outside = kiln("run", engine, "--shape", "x=1x8x200x200", "--verbose")
    assert outside.returncode == 0 and "outside of all profiles" in outside.stderr and "[1,8,200,200]" in outside.stderr
    assert "outside" not in kiln("run", engine, "--shape", "x=1x8x200x200").stderr
    assert "outside" not in kiln("run", engine, "--shape", "x=1x8x9x90", "--verbose").stderr


def test_ranges_as_other_tools_write_them(model):
    done = kiln("build", model, "--profile", "[1,8,16:48,..]", "--tune", "off", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["sizes"]) == 2
    info = json.loads(kiln("info", model.with_suffix(".kiln"), "--json").stdout)
    assert info["profiles"][0][""]["least"] == [1, 8, 16, -1]
    one = kiln("build", model, "--profile", "x=1x8x16x16", "--tune", "off", "--json")
    assert json.loads(one.stdout)["sizes"] == []


@pytest.mark.parametrize("profile, message", [
    ("x=1x8x4x4:1x8x24x24", "found 2 shapes, expected 1 or 3"),
    ("x=1x8x4:1x8x24:1x8x9", "dim 2 must not fall"),
    ("x=1x8xax4", "'a' is no dim"),
    ("[1,8,4", "no ']' at the end"),
    ("y=1x8x4x4", "no input 'y'"),
    ("x=1x8x4", "found 3 dims, expected 4"),
    ("x=1x9x4x4", "found 9 for dim 1, which is always 8"),
])
def test_wrong_profiles_are_refused(model, profile, message):
    done = kiln("build", model, "--profile", profile, "--tune", "off")
    assert done.returncode != 0 and message in done.stderr, done.stderr
    assert not model.with_suffix(".kiln").exists()
