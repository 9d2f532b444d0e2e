"""Programs written for ONNX Runtime run on Kiln without a change, and start from the engine cache."""
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import kiln
import pytest

import small_models

PACKAGES = str(Path(kiln.__file__).parents[1])


def run(tmp_path, *arguments, **environment):
    paths = os.pathsep.join([PACKAGES, str(Path(__file__).parent)])
    variables = {**os.environ, "PYTHONPATH": paths, "KILN_ENGINE_CACHE": str(tmp_path / "cache"), **environment}
    return subprocess.run([sys.executable, *arguments], env=variables, cwd=tmp_path, capture_output=True, text=True,
                          check=False)


def program(tmp_path, text, name="program.py"):
    path = tmp_path / name
    path.write_text(textwrap.dedent(text))
    return str(path)


def output(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def test_a_program(tmp_path):
    (tmp_path / "beside.py").write_text("word = 'beside'\n")
    path = program(tmp_path, """
        import sys
        import numpy as np
        import onnxruntime as ort
        from onnxruntime import InferenceSession, SessionOptions
        from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument
        import onnxruntime.capi._pybind_state as C
        from onnxruntime.capi.onnxruntime_inference_collection import OrtValue
        import beside, small_models
        assert __name__ == "__main__" and C.InvalidArgument is InvalidArgument and OrtValue is ort.OrtValue
        session = InferenceSession(small_models.add(), SessionOptions(), ["CPUExecutionProvider"])
        x = np.ones((1, 3), np.float32)
        try:
            session.run(None, {"x": x.astype("d"), "y": x})
        except InvalidArgument as error:
            print("refused")
        print(ort.__spec__.name, sys.argv[1:], beside.word, session.run(None, {"x": x, "y": x})[0].tolist())
        """)
    lines = output(run(tmp_path, "-m", "kiln.dropin", path, "a", "-b"))
    assert lines == ["refused", "kiln.onnxruntime ['a', '-b'] beside [[2.0, 2.0, 2.0]]"]


def test_a_module(tmp_path):
    program(tmp_path, "import sys, onnxruntime; print(onnxruntime.__name__, sys.argv[1:])", "some_module.py")
    assert output(run(tmp_path, "-m", "kiln.dropin", "-m", "some_module", "x")) == ["kiln.onnxruntime ['x']"]


def test_exit_codes_and_usage(tmp_path):
    assert run(tmp_path, "-m", "kiln.dropin", program(tmp_path, "raise SystemExit(3)")).returncode == 3
    done = run(tmp_path, "-m", "kiln.dropin")
    assert done.returncode == 1 and "usage" in done.stderr


def test_install(tmp_path):
    path = program(tmp_path, """
        import kiln.dropin
        kiln.dropin.install()
        kiln.dropin.install()
        import importlib.util, onnxruntime, kiln.onnxruntime
        assert onnxruntime is kiln.onnxruntime and importlib.util.find_spec("onnxruntime") is not None
        """)
    output(run(tmp_path, path))


def test_what_comes_with_an_installed_onnx_runtime(tmp_path):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    path = program(tmp_path, """
        from onnxruntime.tools import onnx_model_utils
        import onnxruntime.transformers, onnxruntime.backend
        print(onnx_model_utils.__name__, onnx_model_utils.ort.InferenceSession.__module__)
        """)
    assert output(run(tmp_path, "-m", "kiln.dropin", path)) == [
        "onnxruntime.tools.onnx_model_utils kiln.onnxruntime._session"]


def test_installing_too_late(tmp_path):
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    done = run(tmp_path, program(tmp_path, "import onnxruntime, kiln.dropin; kiln.dropin.install()"))
    assert done.returncode == 1 and "install first" in done.stderr


def test_the_package_of_that_name(tmp_path):
    """python/kiln-onnxruntime, as it would be installed."""
    package = Path(__file__).resolve().parents[2] / "python" / "kiln-onnxruntime"
    path = program(tmp_path, f"""
        import sys
        sys.path.insert(0, {str(package)!r})
        import onnxruntime
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail
        from onnxruntime import InferenceSession
        import kiln.onnxruntime
        assert onnxruntime is kiln.onnxruntime and InferenceSession is kiln.onnxruntime.InferenceSession
        """)
    output(run(tmp_path, path))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The engines in a cache of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("KILN_ENGINE_CACHE", str(folder))
    monkeypatch.delenv("KILN_ENGINE_CACHE_BYTES", raising=False)
    return lambda: sorted(folder.glob("*.kiln"))


def session(source, **options):
    import kiln.onnxruntime as ort
    chosen = ort.SessionOptions()
    for name, value in options.items():
        setattr(chosen, name, value)
    return ort.InferenceSession(source, chosen)


def test_the_second_time_is_a_load(cache, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(small_models.add())
    session(path)
    first = cache()
    assert len(first) == 1
    before = first[0].stat().st_mtime_ns
    time.sleep(0.01)
    assert session(path)._engine.info["file_bytes"] > 0
    assert cache() == first and first[0].stat().st_mtime_ns > before
    session(small_models.add())  # the same bytes, not from a file
    assert cache() == first


def test_what_makes_another_engine(cache, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(small_models.add())
    session(path)
    session(path, intra_op_num_threads=1)
    assert len(cache()) == 2
    path.write_bytes(small_models.with_default())
    assert [node.name for node in session(path).get_inputs()] == ["x"]
    assert len(cache()) == 3


def test_external_data_counts(cache, tmp_path):
    import numpy as np
    from onnx import TensorProto, helper, load_from_string, save_model
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4096], np.ones(4096, np.float32).tobytes(), raw=True)
    model = small_models.model([helper.make_node("Add", ["x", "w"], ["y"])],
                               [small_models.tensor("x", TensorProto.FLOAT, [4096])],
                               [small_models.tensor("y", TensorProto.FLOAT, [4096])], initializers=[weights])
    path = tmp_path / "model.onnx"
    save_model(load_from_string(model), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    x = np.zeros(4096, np.float32)
    assert session(path).run(None, {"x": x})[0][0] == 1 and session(path).run(None, {"x": x})[0][0] == 1
    assert len(cache()) == 1
    (tmp_path / "weights.bin").write_bytes(np.full(4096, 2, np.float32).tobytes())
    assert session(path).run(None, {"x": x})[0][0] == 2
    assert len(cache()) == 2


def test_a_damaged_engine_is_made_again(cache, tmp_path):
    session(small_models.add())
    (entry,) = cache()
    size = entry.stat().st_size
    entry.write_bytes(entry.read_bytes()[:100])
    session(small_models.add())
    assert cache() == [entry] and entry.stat().st_size == size


def test_the_cache_is_bounded(cache, monkeypatch):
    session(small_models.add())
    (first,) = cache()
    monkeypatch.setenv("KILN_ENGINE_CACHE_BYTES", str(first.stat().st_size + 100))
    session(small_models.with_default())
    (second,) = cache()
    assert second != first
    monkeypatch.setenv("KILN_ENGINE_CACHE_BYTES", "0")
    session(small_models.zipmap())
    assert cache() == []


def test_no_cache(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("KILN_ENGINE_CACHE", "off")
    session(small_models.add())
    assert not (tmp_path / "off").exists() and cache() == []
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("KILN_ENGINE_CACHE", str(blocked / "below"))
    session(small_models.add())
