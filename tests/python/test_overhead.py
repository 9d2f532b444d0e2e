"""What a run costs beside its work: a model of one node, from Python."""
import importlib
import time

import numpy as np
import pytest

import small_models

X = np.ones((1, 3), np.float32)


def microseconds(call, rounds=60, calls=300):
    """The quietest of many short rounds: other programs share the machine."""
    best = np.inf
    for _ in range(rounds):
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        best = min(best, (time.perf_counter() - begin) / calls)
    return best * 1e6


def bound(module):
    session = module.InferenceSession(small_models.add(), providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name in ("x", "y"):
        binding.bind_cpu_input(name, X)
    value = module.OrtValue.ortvalue_from_numpy(np.zeros_like(X))
    binding.bind_ortvalue_output("z", value)
    return lambda: session.run_with_iobinding(binding)


def plain(module):
    session = module.InferenceSession(small_models.add(), providers=["CPUExecutionProvider"])
    feed = {"x": X, "y": X}
    return lambda: session.run(None, feed)


def test_with_given_buffers(record_property):
    ours = microseconds(bound(importlib.import_module("kiln.onnxruntime")))
    record_property("microseconds", ours)
    print(f"bound: {ours:.2f} us")
    assert ours < 3 * slowness(), f"{ours:.2f} us"


def test_plain(record_property):
    theirs = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    ours = plain(importlib.import_module("kiln.onnxruntime"))
    other = plain(theirs)
    pairs = [(microseconds(ours, 10), microseconds(other, 10)) for _ in range(6)]
    mine, expected = (min(times) for times in zip(*pairs))
    record_property("microseconds", mine)
    print(f"plain: {mine:.2f} us, ONNX Runtime {expected:.2f} us")
    assert mine < expected


def slowness() -> float:
    """How much longer than usual this machine takes for plain Python, where it does."""
    return max(1.0, microseconds(lambda: None, 20) / 0.06)
