"""bench/compare.py: its arithmetic, and its measuring with Kiln alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("KILN_BUILD_DIR", ROOT / "build"))
CLASSIFIER = ROOT / "examples" / "classifier.onnx"
sys.path.insert(0, str(ROOT / "bench"))

import measure  # noqa: E402
import report  # noqa: E402
from measure import Setting  # noqa: E402


def rounds(*medians, **more):
    return {"difference": 1e-6, "rounds": [{"median_ms": value, "load_ms": 5.0, "first_ms": 6.0, "peak_mb": 10.0,
                                            "resident_mb": 9.0, "others": 0.0} for value in medians]} | more


def results(models, isa=None):
    engines = ["kiln", "onnxruntime", "openvino", "mnn"]
    return report.Results({
        "date": "2026-01-02", "machine": report.machine(), "versions": {"kiln": "1"}, "models": models,
        "options": {"engines": engines, "rounds": 2, "seconds": 1.0, "threads": 2, "isa": isa, "prefer": None,
                    "clock": "wall"}})


def test_the_ratio_takes_the_best_peer_that_answers_rightly():
    found = results({"m": {"kiln": rounds(4.0, 2.0), "onnxruntime": rounds(6.0, 7.0), "openvino": rounds(5.0, 8.0),
                           "mnn": rounds(1.0, difference=0.5)}})
    assert found.best_peer("m") == (5.0, "openvino")
    assert found.ratio("m") == 2.5
    assert any("MNN left out" in line for line in report.remarks(found))
    assert any("geometric mean 2.50" in line for line in report.summary(found))


def test_a_peer_that_cannot_be_limited_stands_aside():
    models = {"m": {"kiln": rounds(2.0), "onnxruntime": rounds(1.0), "openvino": rounds(3.0)}}
    assert results(models).ratio("m") == 0.5
    assert results(models, isa="avx2").ratio("m") == 1.5
    remarks = report.remarks(results(models, isa="avx2"))
    assert any("ONNX Runtime, MNN, ncnn cannot be limited" in line for line in remarks)


def test_markdown_has_a_row_for_each_model_and_says_why_a_cell_is_empty():
    text = report.markdown(results({"m": {"kiln": rounds(2.0), "onnxruntime": {"skipped": "no such thing"}}}))
    assert "| m | 2.00 | - | - | - | - |" in text
    assert "- m: ONNX Runtime left out: no such thing" in text


def test_geometric_mean():
    assert report.geometric_mean([1.0, 4.0]) == pytest.approx(2.0)


@pytest.mark.parametrize("found, expected", [
    ({"y": np.array([1.0, -4.0])}, 0.0),
    ({"other": np.array([[1.0], [-3.0]])}, 0.25),
    ({"y": np.array([1.0, np.nan])}, np.inf),
    ({"y": np.array([1.0])}, np.inf),
    ({"a": np.zeros(1), "b": np.zeros(1)}, np.inf),
])
def test_difference(found, expected):
    assert measure.difference({"y": np.array([1.0, -4.0])}, found) == expected


@pytest.fixture
def inputs(tmp_path):
    np.savez(tmp_path / "inputs.npz", x=np.ones((1, 4), np.float32))
    return tmp_path / "inputs.npz"


@pytest.fixture
def setting():
    return Setting(seconds=0.1, patience=0.2, kiln=BUILD / "kiln", kiln_python=BUILD / "python")


def test_a_worker_measures(inputs, setting):
    found = measure.measure_once("kiln", CLASSIFIER, inputs, setting)
    assert 0 < found["load_ms"] < found["first_ms"]
    assert 0 < found["min_ms"] <= found["median_ms"] and found["runs"] >= 3
    assert 0 < found["peak_mb"] < 100


def test_a_worker_that_fails_says_why(inputs, setting, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(measure.WorkerError, match="broken.onnx"):
        measure.measure_once("kiln", broken, inputs, setting)


def test_engines_take_turns(inputs, setting, tmp_path, monkeypatch):
    model = tmp_path / "model.onnx"
    model.write_bytes(CLASSIFIER.read_bytes())
    turns = []
    monkeypatch.setattr(measure, "prepare", lambda engine, *_: model)
    monkeypatch.setattr(measure, "reference_outputs", lambda *_: None)
    monkeypatch.setattr(measure, "measure_once", lambda engine, *_: turns.append(engine) or {"version": "1"})
    found = measure.measure_model(model, inputs, ["kiln", "mnn"], 2, setting, lambda text: None)
    assert turns == ["kiln", "mnn", "kiln", "mnn"]
    assert len(found["kiln"]["rounds"]) == 2


@pytest.mark.parametrize("arguments, part", [
    (["--engines", "abacus"], "no such engine: abacus"),
    (["--only", "lenet"], "no such model: lenet"),
    (["--clock", "cpu"], "needs --threads 1"),
])
def test_wrong_use(arguments, part):
    done = subprocess.run([sys.executable, ROOT / "bench" / "compare.py", *arguments], capture_output=True, text=True,
                          check=False)
    assert done.returncode != 0 and part in done.stderr
