"""The wheels install into a clean virtual environment and work there."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("KILN_BUILD_DIR", ROOT / "build")).resolve()

SMOKE = """
import os, subprocess, sys
import numpy as np
import kiln
assert os.path.dirname(kiln.__file__).startswith(sys.prefix), kiln.__file__
session = kiln.Session(sys.argv[1])
feed = {port.name: np.ones([dim if isinstance(dim, int) else 1 for dim in port.shape], np.float32)
        for port in session.inputs}
expected = session.run(feed)
kiln.build(sys.argv[1], tune="off").save("model.kiln")
for name, array in kiln.Session("model.kiln").run(feed).items():
    np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)
b = kiln.GraphBuilder()
b.output(b.relu(b.input("x", "float32", ("n",))), "y")
assert kiln.Session(b).run({"x": np.array([-1, 2], np.float32)})["y"].tolist() == [0, 2]
assert os.path.exists(os.path.join(kiln.get_include(), "kiln", "plugin.h"))
program = os.path.join(os.path.dirname(sys.executable), "kiln")
assert kiln.__version__ in subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
import kiln.vision
colours = kiln.GraphBuilder()
colours.output(colours.flatten(colours.global_average_pool(colours.input("x", "float32", (1, 3, 8, 8)))), "y")
green = np.full((9, 9, 3), (0, 255, 0), np.uint8)
kiln.vision.save_picture(green, "green.png")
assert kiln.vision.Classifier(colours, names=["red", "green", "blue"]).classify("green.png")[0].name == "green"
from importlib.metadata import entry_points
points = entry_points()
named = points.select(group="torch_dynamo_backends") if hasattr(points, "select") else points["torch_dynamo_backends"]
assert [point.value for point in named if point.name == "kiln"] == ["kiln.torch:backend"]
import onnxruntime
assert onnxruntime.InferenceSession is kiln.onnxruntime.InferenceSession, onnxruntime.__file__
found = onnxruntime.InferenceSession(sys.argv[1]).run(None, feed)
for array, name in zip(found, expected):
    np.testing.assert_allclose(array, expected[name], rtol=1e-5, atol=1e-6)
print("works")
"""


def run(*command, cwd=None, **environment):
    cleared = {name: value for name, value in os.environ.items()
               if not name.startswith("KILN_") and name not in ("PYTHONPATH", "LD_PRELOAD")}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=cleared | environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-6000:]}"
    return done.stdout


def compiler():
    """That of the build, by the same name: the compiler's cache then has all that is to be compiled."""
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith("CMAKE_CXX_COMPILER:"):
            return line.split("=", 1)[1]
    return "c++"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    missing = [name for name in ("scikit_build_core", "nanobind", "pip", "setuptools", "wheel")
               if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    cache = BUILD / "CMakeCache.txt"
    if not cache.exists() or "CMAKE_BUILD_TYPE:STRING=Release" not in cache.read_text():
        pytest.skip("a wheel is made of a release build")
    if not shutil.which("ccache"):
        pytest.skip("without ccache everything would be compiled again")
    folder = tmp_path_factory.mktemp("wheels")
    configured = subprocess.run(["ccache", "--get-config", "base_dir"], capture_output=True, text=True, check=False)
    settings = {}
    if not configured.stdout.strip():  # as scripts/build.sh has it
        settings = {"CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1",
                    "CCACHE_SLOPPINESS": "pch_defines,time_macros"}
    pip = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--disable-pip-version-check",
           "-w", folder]
    # As deep in the tree as the build: the compiler's cache sees paths from there.
    run(*pip, ROOT, f"--config-settings=build-dir={BUILD.parent / (BUILD.name + '-wheel')}", CXX=compiler(), **settings)
    package = tmp_path_factory.mktemp("source") / "kiln-onnxruntime"  # setuptools builds beside the source
    shutil.copytree(ROOT / "python" / "kiln-onnxruntime", package)
    run(*pip, package)
    return sorted(folder.glob("*.whl"))


def test_what_is_in_them(wheels):
    engine, names = wheels
    assert engine.name.startswith("kiln_engine-") and names.name.startswith("kiln_onnxruntime-")
    inside = zipfile.ZipFile(engine).namelist()
    for name in ("kiln/__init__.py", "kiln/_kiln.pyi", "kiln/py.typed", "kiln/bin/kiln", "kiln/libkiln.so",
                 "kiln/libkiln_runtime.so", "kiln/libkiln_vision.so", "kiln/vision/__init__.py", "kiln/_vision.pyi",
                 "kiln/onnxruntime/__init__.py", "kiln/torch.py",
                 "kiln/include/kiln/plugin.h"):
        assert name in inside
    assert not [name for name in inside if "/src/" in name or name.startswith("tests")]
    # From Python 3.12 on one wheel serves all versions that follow.
    assert ("-abi3-" in engine.name) == (sys.version_info >= (3, 12))


def test_they_work_in_a_clean_environment(wheels, tmp_path):
    python = tmp_path / "venv" / "bin" / "python"
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"numpy=={np.__version__}", *wheels)
    environment = {"HOME": str(tmp_path), "KILN_ENGINE_CACHE": str(tmp_path / "cache")}
    assert run(python, "-c", SMOKE, ROOT / "examples" / "classifier.onnx", cwd=tmp_path, **environment) == "works\n"
