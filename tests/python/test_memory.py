"""What a session holds, how it is bounded, and that the process really gets it back."""
import os
import subprocess
import sys
from pathlib import Path

import kiln
import numpy as np
import pytest
from kiln import onnxruntime
from onnx import helper, numpy_helper
from small_models import FLOAT, model, tensor


def network() -> bytes:
    """Three convolutions over pictures of any size."""
    weights = numpy_helper.from_array(np.random.default_rng(1).normal(0, 0.1, (16, 16, 3, 3)).astype(np.float32), "w")
    names = ["x", "a", "b", "y"]
    nodes = [helper.make_node("Conv", [x, "w"], [y], pads=[1, 1, 1, 1]) for x, y in zip(names, names[1:])]
    shape = [1, 16, "h", "w"]
    return model(nodes, [tensor("x", FLOAT, shape)], [tensor("y", FLOAT, shape)], initializers=[weights])


def picture(height, width):
    return {"x": np.random.default_rng(2).random((1, 16, height, width), dtype=np.float32)}


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


# AddressSanitizer keeps what is freed for a while.
measures_residence = pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""),
                                        reason="the sanitizer does not give freed memory back")


@measures_residence
def test_memory_is_told_and_given_back():
    session = kiln.Session(network())
    feed = picture(1000, 1000)
    session.run(feed)
    held = session.memory()
    assert held.arena > 50e6 and held.plan_count == 1 and held.weights == 16 * 16 * 9 * 4
    assert "arena=" in repr(held)
    before = resident()
    session.trim()
    assert before - resident() > 0.9 * held.arena
    held = session.memory()
    assert (held.arena, held.plans, held.kept) == (0, 0, 0)
    assert session.run(feed)["y"].shape == (1, 16, 1000, 1000)


@measures_residence
def test_shapes_that_change_take_no_more_memory():
    session = kiln.Session(network())
    random = np.random.default_rng(3)
    data = picture(320, 320)["x"]
    sizes = [(int(a), int(b)) for a, b in random.integers(40, 300, (300, 2))]

    def run(height, width):
        session.run({"x": np.ascontiguousarray(data[:, :, :height, :width])})

    run(300, 300)
    for size in sizes[:100]:
        run(*size)
    before = resident()
    for size in sizes[100:]:
        run(*size)
    assert resident() - before < 16e6
    assert session.memory().plan_count <= 32


def test_max_memory():
    session = kiln.Session(network(), max_memory=200_000_000)
    session.run(picture(600, 600))
    with pytest.raises(kiln.Error, match=r"need at least \d+ bytes .*more than 200000000 \(max_memory\)"):
        session.run(picture(3000, 3000))
    session.set_max_memory(0)
    session.run(picture(1200, 1200))
    with pytest.raises(kiln.Error, match="max_memory"):
        kiln.Session(network(), max_memory=-1)


def test_what_the_caller_keeps_is_not_counted():
    session = kiln.Session(network(), max_memory=60_000_000)
    kept = [session.run(picture(400, 400))["y"] for _ in range(10)]
    assert all(np.array_equal(one, kept[0]) for one in kept)


@measures_residence
def test_memory_comes_back_by_itself():
    """The knob is read from the environment once: a program of its own sets it."""
    program = """
import time, kiln, test_memory
session = kiln.Session(test_memory.network())
session.run(test_memory.picture(800, 800))
before, arena = test_memory.resident(), session.memory().arena
end = time.monotonic() + 20
while session.memory().arena and time.monotonic() < end:
    time.sleep(0.05)
assert session.memory().arena == 0
assert before - test_memory.resident() > 0.9 * arena
"""
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120,
                   env={**os.environ, "KILN_IDLE_MEMORY_MS": "100", "PYTHONPATH": paths})


def test_the_drop_in_gives_memory_back_where_it_is_asked_to():
    feed = picture(64, 64)
    keeping = onnxruntime.InferenceSession(network())
    expected = keeping.run(None, feed)[0]
    assert keeping._session.memory().arena > 0
    shrinking = onnxruntime.RunOptions()
    shrinking.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    assert np.array_equal(keeping.run(None, feed, shrinking)[0], expected)
    assert keeping._session.memory().arena == 0
    bound = keeping.io_binding()
    bound.bind_cpu_input("x", feed["x"])
    bound.bind_output("y")
    keeping.run_with_iobinding(bound, shrinking)
    assert np.array_equal(bound.copy_outputs_to_cpu()[0], expected) and keeping._session.memory().arena == 0
