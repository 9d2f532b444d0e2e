"""Engines that take ways from oneDNN, and those that do not."""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import ModelProto, helper, numpy_helper

import kiln
import small_models

INPUT = np.linspace(-1, 1, 5 * 6 * 7 * 8, dtype=np.float32).reshape(1, 5, 6, 7, 8)


def over_three_axes():
    """A convolution, a residual one, pooling and a transposed convolution over depth, height and width."""
    rng = np.random.default_rng(3)

    def weights(name, *shape):
        return numpy_helper.from_array((rng.normal(size=shape) * 0.2).astype(np.float32), name)

    x, y = (small_models.tensor(name, small_models.FLOAT, [1, n, *shape])
            for name, n, shape in (("x", 5, (6, 7, 8)), ("y", 6, (6, 6, 8))))
    nodes = [helper.make_node("Conv", ["x", "a", "b"], ["first"], pads=[1] * 6),
             helper.make_node("Relu", ["first"], ["c"]),
             helper.make_node("Conv", ["c", "d"], ["second"], pads=[1] * 6, group=2),
             helper.make_node("Add", ["second", "c"], ["sum"]), helper.make_node("HardSwish", ["sum"], ["e"]),
             helper.make_node("MaxPool", ["e"], ["f"], kernel_shape=[2] * 3, strides=[2] * 3),
             helper.make_node("ConvTranspose", ["f", "g"], ["y"], strides=[2] * 3)]
    return small_models.model(nodes, [x], [y], initializers=[
        weights("a", 20, 5, 3, 3, 3), weights("b", 20), weights("d", 20, 10, 3, 3, 3), weights("g", 20, 6, 2, 2, 2)])


def run_python(code, *arguments, **environment):
    done = subprocess.run([sys.executable, "-c", code, *map(os.fspath, arguments)], capture_output=True, text=True,
                          env={**os.environ, **environment})
    return done.stdout + done.stderr


def tactics(engine):
    return [step["tactic"] for step in engine.info["variants"][-1]["steps"]]


@pytest.fixture(scope="module")
def engine():
    try:
        return kiln.build(over_three_axes(), tune="off", providers="onednn")
    except kiln.Error as error:
        if "cannot be loaded" not in str(error):
            raise
        pytest.skip(f"no oneDNN: {error}")


@pytest.fixture
def engine_path(engine, tmp_path):
    path = tmp_path / "m.kiln"
    engine.save(path)
    return path


RUN = """
import sys, numpy as np, kiln
x = np.linspace(-1, 1, 5 * 6 * 7 * 8, dtype=np.float32).reshape(1, 5, 6, 7, 8)
np.save(sys.argv[2], kiln.Session(sys.argv[1]).run({"x": x})["y"])
"""
LOADED = """
import sys, kiln
kiln.Session(sys.argv[1])
print("loaded" if "libdnnl" in open("/proc/self/maps").read() else "not loaded")
"""


def test_an_engine_is_built_saved_and_loaded(engine, engine_path, tmp_path):
    assert [t for t in tactics(engine) if t.startswith("onednn")] == [
        "onednn_conv", "onednn_conv", "onednn_pool", "onednn_conv_transposed"]
    expected = kiln.Session(over_three_axes()).run({"x": INPUT})["y"]
    result = kiln.Session(engine).run({"x": INPUT})["y"]
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    assert "Error" not in run_python(RUN, engine_path, tmp_path / "y.npy")
    assert (np.load(tmp_path / "y.npy") == result).all()
    again = kiln.build(over_three_axes(), tune="off", providers="onednn")
    again.save(tmp_path / "again.kiln")
    assert (tmp_path / "again.kiln").read_bytes() == engine_path.read_bytes()


def test_many_runs_at_once_are_right(engine):
    session = kiln.Session(engine)
    expected = session.run({"x": INPUT})["y"]
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda _: session.run({"x": INPUT})["y"], range(40)):
            assert (result == expected).all()


def test_other_shapes_than_it_was_built_for(engine):
    del engine  # only asked for to skip where there is none
    proto = ModelProto.FromString(over_three_axes())
    for port in (proto.graph.input[0], proto.graph.output[0]):
        for axis in (0, 2, 3, 4):
            port.type.tensor_type.shape.dim[axis].dim_param = f"{port.name}{axis}"
    engine = kiln.build(proto.SerializeToString(), tune="off", providers="onednn", profiles={"x": [1, 5, 6, 7, 8]})
    reference = kiln.Session(proto.SerializeToString())
    for shape in ((1, 5, 6, 7, 8), (3, 5, 4, 9, 5), (1, 5, 17, 3, 3)):
        x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        np.testing.assert_allclose(kiln.Session(engine).run({"x": x})["y"], reference.run({"x": x})["y"], rtol=1e-4,
                                   atol=1e-4)


def test_without_the_library_the_error_says_what_to_do(engine_path, tmp_path):
    for place in ("off", str(tmp_path / "absent.so")):
        said = run_python(RUN, engine_path, tmp_path / "y.npy", KILN_ONEDNN=place)
        assert "the provider onednn cannot be loaded" in said and "libdnnl2" in said and "kiln rebuild" in said
    said = run_python("import kiln, sys; kiln.build(sys.argv[1], tune='off', providers='kiln,onednn')", engine_path,
                      KILN_ONEDNN="off")
    assert "the provider onednn cannot be loaded: the knob onednn is off" in said


def test_the_engine_can_be_looked_at_without_the_library(engine_path):
    said = run_python("import kiln, sys; print(kiln.check(sys.argv[1]))", engine_path, KILN_ONEDNN="off")
    assert said.strip() == "[]"


def test_only_engines_that_chose_it_load_it(engine_path, tmp_path):
    model, plain = tmp_path / "m.onnx", tmp_path / "plain.kiln"
    model.write_bytes(over_three_axes())
    kiln.build(model, tune="off").save(plain)
    assert run_python(LOADED, engine_path).strip() == "loaded"
    assert run_python(LOADED, plain).strip() == "not loaded"
    assert run_python(LOADED, model).strip() == "not loaded"


def test_engines_that_do_not_choose_it_are_as_without_it(tmp_path):
    code = """
import sys, kiln
kiln.build(sys.argv[1], tune="fast", time_budget=5).save(sys.argv[2])
"""
    model = tmp_path / "add.onnx"
    model.write_bytes(small_models.add())
    paths = {place: tmp_path / f"{place}.kiln" for place in ("auto", "off")}
    for place, path in paths.items():
        assert run_python(code, model, path, KILN_ONEDNN=place, KILN_TIMING_CACHE=str(tmp_path / "timings")) == ""
    assert paths["auto"].read_bytes() == paths["off"].read_bytes()


def test_unknown_providers_are_refused():
    with pytest.raises(kiln.Error, match="kiln, onednn"):
        kiln.build(small_models.add(), providers="twodnn")
