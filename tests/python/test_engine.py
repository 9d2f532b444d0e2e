"""Engines from Python: kiln.build, kiln.Engine, and sessions of them."""
import hashlib
import os

import numpy as np
import pytest

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
