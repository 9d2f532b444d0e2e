"""Many threads with one engine, Ctrl-C, and how fast a run stops."""
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import kiln
import kiln.onnxruntime as ort
import numpy as np
import pytest

from small_models import deep

PACKAGES = str(Path(kiln.__file__).parents[1])


def test_threads_share_an_engine():
    """Each thread has other shapes and other numbers; answers never mix."""
    session = ort.InferenceSession(deep(20, 64))
    inputs = [np.full((1 + i, 64), 0.1 * (i + 1), np.float32) for i in range(8)]
    expected = [session.run(None, {"v0": x})[0] for x in inputs]
    wrong: list[int] = []

    def work(i):
        binding = session.io_binding()
        binding.bind_cpu_input("v0", inputs[i])
        out = np.zeros_like(inputs[i])
        binding.bind_ortvalue_output("v20", ort.OrtValue.ortvalue_from_numpy(out))
        for round_ in range(60):
            if round_ % 2:
                session.run_with_iobinding(binding)
                found = out
            else:
                found = session.run(None, {"v0": inputs[i]})[0]
            if not np.allclose(found, expected[i], atol=1e-6):
                wrong.append(i)
            out[:] = 0

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_python_goes_on_during_a_run():
    """A run holds no lock of the interpreter: another thread gets on meanwhile."""
    session = ort.InferenceSession(deep(60, 256))
    x = np.ones((512, 256), np.float32)
    session.run(None, {"v0": x})
    running, seen = threading.Event(), []

    def work():
        running.set()
        begin = time.perf_counter()
        session.run(None, {"v0": x})
        seen.append((begin, time.perf_counter()))

    thread = threading.Thread(target=work)
    thread.start()
    running.wait()
    ticks = []
    while thread.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0)
    (begin, end), = seen
    assert sum(begin < tick < end for tick in ticks) > 10


def test_ctrl_c():
    # A shell's background jobs ignore the signal, and their children inherit that.
    program = f"""if True:
        import signal, sys
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.path[:0] = [{PACKAGES!r}, {str(Path(__file__).parent)!r}]
        import numpy as np
        import kiln.onnxruntime as ort
        from small_models import endless_loop
        session = ort.InferenceSession(endless_loop())
        print("ready", flush=True)
        try:
            session.run(None, {{"go": np.array(True), "x": np.array(1, np.float32)}})
        except KeyboardInterrupt:
            print("stopped", flush=True)
    """
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[0] == "stopped\n"
    finally:
        process.kill()
        process.wait()


def test_terminate_stops_a_long_run():
    session = ort.InferenceSession(deep(300, 512))
    x = np.ones((256, 512), np.float32)
    session.run(None, {"v0": x})  # the first run with a shape plans
    for _ in range(3):
        options = ort.RunOptions()

        def stop(options=options):
            time.sleep(0.01)
            options.terminate = True

        thread = threading.Thread(target=stop)
        thread.start()
        with pytest.raises(ort.capi.onnxruntime_pybind11_state.Fail):
            session.run(None, {"v0": x}, options)
        thread.join()


def test_terminate_stops_a_single_node():
    """One that sorts a long row: nobody can look between two nodes, or two rows."""
    b = kiln.GraphBuilder()
    b.output(b.op("TopK", b.input("x", "float32", (8_000_000,)), np.array([4_000_000]), outputs=2)[0], "y")
    session = ort.InferenceSession(b.model().to_onnx())
    options = ort.RunOptions()
    thread = threading.Timer(0.2, lambda: setattr(options, "terminate", True))
    thread.start()
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.Fail):
        session.run(None, {"x": np.random.default_rng(0).random(8_000_000, np.float32)}, options)
    thread.join()
