"""Engines from Python: kiln.build, kiln.Engine, and sessions of them."""
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from onnx import helper, numpy_helper

import kiln
import kiln.onnxruntime
import small_models

X = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def engine_path(tmp_path):
    path = tmp_path / "add.kiln"
    kiln.build(small_models.add(), tune="off").save(path)
    return path


def test_build_save_and_load(engine_path):
    engine = kiln.Engine.load(engine_path, verify_weights=True)
    assert [port.name for port in engine.inputs] == ["x", "y"] and engine.outputs[0].shape == ["n", 3]
    for source in (engine, engine_path, os.fspath(engine_path)):
        session = kiln.Session(source)
        assert (session.run({"x": X, "y": X})["z"] == X + X).all()
    engine.save(engine_path.with_suffix(".copy"))
    assert engine_path.with_suffix(".copy").read_bytes() == engine_path.read_bytes()


def test_equal_builds_give_equal_bytes(engine_path, tmp_path):
    kiln.build(small_models.add(), tune="off").save(tmp_path / "again.kiln")
    assert (tmp_path / "again.kiln").read_bytes() == engine_path.read_bytes()


def test_what_an_engine_says_of_itself(tmp_path):
    model = tmp_path / "m.onnx"
    model.write_bytes(small_models.add())
    engine = kiln.build(model, tune="off", prefer="memory", math="strict", threads=3)
    info = engine.info
    assert info["options"] == {"tune": "off", "prefer": "memory", "math": "strict"} and info["threads"] == 3
    assert info["sources"] == [{"name": "m.onnx", "bytes": len(small_models.add()),
                                "sha256": hashlib.sha256(small_models.add()).hexdigest()}]
    assert info["variants"][0]["steps"][0]["ops"] == "Add" and info["file_bytes"] == 0
    assert info["kiln_version"] == kiln.__version__


def test_drop_in_takes_engines(engine_path):
    session = kiln.onnxruntime.InferenceSession(os.fspath(engine_path))
    assert (session.run(None, {"x": X, "y": X})[0] == X + X).all()


def test_a_damaged_engine_is_refused(engine_path):
    bytes_ = bytearray(engine_path.read_bytes())
    bytes_[300] ^= 1
    engine_path.write_bytes(bytes_)
    with pytest.raises(kiln.Error, match="header|section"):
        kiln.Session(engine_path)
    (finding,) = kiln.check(engine_path)
    assert finding.rule == "damaged-engine"


def convolution():
    rng = np.random.default_rng(1)
    weights = numpy_helper.from_array(rng.normal(size=(32, 16, 3, 3)).astype(np.float32), "a_weight_with_a_name")
    x, y = (small_models.tensor(name, small_models.FLOAT, [1, n, 9, 9]) for name, n in (("x", 16), ("y", 32)))
    nodes = [helper.make_node("Conv", ["x", "a_weight_with_a_name"], ["inner"], "a_node", pads=[1] * 4),
             helper.make_node("Relu", ["inner"], ["y"])]
    return small_models.model(nodes, [x], [y], initializers=[weights])


RUN_ENGINE = """
import sys, numpy as np, kiln
feed = {"x": np.linspace(-1, 1, 16 * 81, dtype=np.float32).reshape(1, 16, 9, 9)}
np.save(sys.argv[2], kiln.Session(sys.argv[1]).run(feed)["y"])
"""


def test_one_file_for_several_instruction_sets(tmp_path):
    names = ["portable", "avx2", "avx512"]
    engine = None
    while names and engine is None:
        try:
            engine = kiln.build(convolution(), tune="off", isa=",".join(names))
        except kiln.Error:
            names.pop()
    path = tmp_path / "many.kiln"
    engine.save(path)
    assert [variant["isa"] for variant in kiln.Engine.load(path).info["variants"]] == names
    kiln.Engine.load(path).save(tmp_path / "again.kiln")
    assert (tmp_path / "again.kiln").read_bytes() == path.read_bytes()
    results = []
    for name in names:
        result = tmp_path / f"{name}.npy"
        environment = os.environ | {"KILN_ISA": name}
        subprocess.run([sys.executable, "-c", RUN_ENGINE, path, result], check=True, env=environment)
        results.append(np.load(result))
    for result in results:
        np.testing.assert_allclose(result, results[0], rtol=1e-4, atol=1e-4)


def test_stripped_engines_run_without_names(tmp_path):
    engine = kiln.build(convolution(), tune="off")
    engine.save(tmp_path / "whole.kiln")
    engine.save(tmp_path / "bare.kiln", strip=True)
    x = np.ones((1, 16, 9, 9), np.float32)
    whole, bare = (kiln.Session(tmp_path / name) for name in ("whole.kiln", "bare.kiln"))
    assert (whole.run({"x": x})["y"] == bare.run({"x": x})["y"]).all()
    assert b"a_node" in (tmp_path / "whole.kiln").read_bytes()
    for name in (b"a_node", b"a_weight_with_a_name", b"inner"):
        assert name not in (tmp_path / "bare.kiln").read_bytes()


def test_wrong_options(engine_path):
    with pytest.raises(kiln.Error, match="tune.*off, fast, full"):
        kiln.build(small_models.add(), tune="slow")
    with pytest.raises(kiln.Error):
        kiln.Engine.load(engine_path.with_suffix(".absent"))


def test_progress_that_raises_stops_the_build():
    def raising(*_):
        raise ValueError("enough")

    try:
        kiln.build(small_models.add(), progress=raising)
    except ValueError as error:
        assert str(error) == "enough"
