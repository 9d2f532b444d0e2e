"""The native API beyond a run: futures, batches, given memory, DLPack, progress, tables, logging."""
import asyncio
import logging
import threading
import time

import numpy as np
import pytest
from onnx import TensorProto, helper

import kiln
import kiln.progress
import small_models

X = np.arange(6, dtype=np.float32).reshape(2, 3)
ENDLESS = {"go": np.array(True), "x": np.float32(1)}


def test_sources_and_threads():
    model = kiln.Model.load(small_models.add())
    for source in (small_models.add(), model, model, kiln.build(model, tune="off")):
        assert (kiln.Session(source, threads=1).run({"x": X, "y": X})["z"] == X + X).all()


def test_results_in_given_memory():
    session = kiln.Session(small_models.add())
    memory = np.empty_like(X)
    found = session.run({"x": X, "y": X}, into={"z": memory})
    assert found["z"] is memory and (memory == X + X).all()
    with pytest.raises(kiln.Error, match="no output 'q'"):
        session.run({"x": X, "y": X}, into={"q": memory})
    with pytest.raises(kiln.Error, match="does not fit"):
        session.run({"x": X, "y": X}, into={"z": np.empty((3, 3), np.float32)})


def test_futures():
    session = kiln.Session(small_models.add())
    futures = [session.run_async({"x": X, "y": np.full_like(X, i)}) for i in range(20)]
    for i, future in enumerate(futures):
        assert (future.result(10)["z"] == X + i).all()
    with pytest.raises(kiln.Error, match="no output 'q'"):
        session.run_async({"x": X, "y": X}, ["q"]).result(10)


def test_await():
    session = kiln.Session(small_models.add())

    async def both():
        return await asyncio.gather(session.run_async({"x": X, "y": X}), session.run_async({"x": X, "y": -X}))

    twice, nothing = asyncio.run(both())
    assert (twice["z"] == X + X).all() and (nothing["z"] == 0).all()


def test_a_future_that_is_cancelled_stops_its_run():
    session = kiln.Session(small_models.endless_loop())
    future = session.run_async(ENDLESS)
    while not future.running():
        time.sleep(0.001)
    future.cancel()
    with pytest.raises(kiln.Error) as caught:
        future.result(10)
    assert caught.value.code == "cancelled"

    async def in_time():
        await asyncio.wait_for(session.run_async(ENDLESS), 0.05)

    begin = time.perf_counter()
    with pytest.raises((asyncio.TimeoutError, kiln.Error)):
        asyncio.run(in_time())
    assert time.perf_counter() - begin < 10


def test_map_joins_what_fits_together():
    session = kiln.Session(small_models.add())
    sizes = []
    run = session._session.run

    class Watched:
        def run(self, feed, *rest):
            sizes.append(len(feed["x"]))
            return run(feed, *rest)

    session._session = Watched()
    feeds = [{"x": np.full((rows, 3), i, np.float32), "y": np.full((rows, 3), 1, np.float32)}
             for i, rows in enumerate([1, 1, 2, 3, 1, 9, 1])]
    results = list(session.map(iter(feeds), batch=4))
    assert sizes == [4, 4, 9, 1]
    for feed, result in zip(feeds, results):
        assert result["z"].shape == feed["x"].shape and (result["z"] == feed["x"] + 1).all()


def test_map_keeps_apart_what_differs():
    session = kiln.Session(small_models.identity(small_models.FLOAT, ("n", "m")))
    feeds = [{"x": np.full((1, width), i, np.float32)} for i, width in enumerate([2, 2, 5, 5, 2])]
    found = [result["y"] for result in session.map(feeds)]
    assert [array.shape for array in found] == [(1, 2), (1, 2), (1, 5), (1, 5), (1, 2)]
    assert [array[0, 0] for array in found] == [0, 1, 2, 3, 4]


def test_map_says_what_it_cannot_join():
    session = kiln.Session(small_models.add())
    with pytest.raises(ValueError, match="first axis"):
        list(session.map([{"x": X, "y": X[:1]}]))
    with pytest.raises(ValueError, match="batch is 0"):
        list(session.map([], batch=0))
    with pytest.raises(ValueError, match="'n' has not the batch"):
        shape = helper.make_node("Size", ["x"], ["n"])
        size = small_models.model([shape], [small_models.tensor("x", small_models.FLOAT, ["m", 3])],
                                  [small_models.tensor("n", TensorProto.INT64, [])])
        list(kiln.Session(size).map([{"x": X}, {"x": X}]))


def test_profiles_choose_shapes():
    engine = kiln.build(small_models.deep(2), tune="off", profiles={"v0": (7, 256)})
    x = np.ones((3, 256), np.float32)
    assert kiln.Session(engine).run({"v0": x})["v2"].shape == (3, 256)
    with pytest.raises(kiln.Error):
        kiln.build(small_models.deep(2), tune="off", profiles={"v0": (7, 255)})


def test_precision():
    assert kiln.build(small_models.add(), tune="off", precision="model").outputs[0].name == "z"
    with pytest.raises(kiln.Error, match="precision 'int8'") as caught:
        kiln.build(small_models.add(), precision="int8")
    assert caught.value.code == "unsupported"


class Dlpack:
    """Speaks DLPack and nothing else."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_dlpack_in_and_out():
    session = kiln.Session(small_models.add())
    memory = np.empty_like(X)
    given = Dlpack(memory)
    found = session.run({"x": Dlpack(X), "y": Dlpack(X)}, into={"z": given})
    assert found["z"] is given and (memory == X + X).all()
    shared = kiln.from_dlpack(Dlpack(X))
    assert np.shares_memory(shared, X)
    assert np.shares_memory(np.from_dlpack(found["z"].array), memory)


def test_torch_tensors():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    session = kiln.Session(small_models.add())
    x = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    memory = torch.empty(2, 3)
    found = session.run({"x": x, "y": x.clone().requires_grad_()}, into={"z": memory})
    assert found["z"] is memory and torch.equal(memory, x + x)
    assert torch.equal(torch.from_numpy(session.run({"x": x.T.contiguous().T, "y": x})["z"]), x + x)
    result = session.run({"x": x, "y": x})["z"]
    assert torch.from_dlpack(result).data_ptr() == result.ctypes.data
    half = torch.ones(3, dtype=torch.bfloat16)
    same = kiln.Session(small_models.identity(TensorProto.BFLOAT16)).run({"x": half})["y"]
    assert torch.equal(torch.from_dlpack(kiln.to_dlpack(same)), half)


class Stream:
    def __init__(self, terminal):
        self.terminal, self.text = terminal, ""

    def isatty(self):
        return self.terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def test_progress_in_a_terminal():
    stream = Stream(True)
    bar = kiln.progress.Terminal("m.onnx", stream)
    bar("timing a node", 1, 4, 2.0, 6.0)
    bar("timing the last", 4, 4, 8.0, 0.0)
    bar.close()
    first, last = stream.text.split("\r")[1:3]
    assert first.startswith("m.onnx ##") and "25% 1/4 [2 s, 6 s left] timing a node" in first
    assert "100% 4/4 [8 s]" in last and "." not in last.split(" ")[1] and stream.text.endswith("\r\x1b[K")
    quiet = Stream(False)
    kiln.progress.Terminal("m.onnx", quiet)("x", 1, 2, 0.0, 0.0)
    assert quiet.text == ""


def untimed():
    """A model whose kernels no cache knows."""
    return small_models.deep(2, int(np.random.default_rng().integers(40, 4000)))


def test_progress_in_a_notebook(monkeypatch):
    import sys
    import types
    shown = []

    class Handle:
        def update(self, page):
            shown.append(page)

    def display(page, display_id):
        assert display_id is True
        shown.append(page)
        return Handle()

    notebook = types.ModuleType("IPython")
    notebook.get_ipython = lambda: types.SimpleNamespace(kernel=1)
    pages = types.ModuleType("IPython.display")
    pages.display, pages.HTML = display, str
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    monkeypatch.setitem(sys.modules, "IPython.display", pages)
    kiln.build(untimed(), tune="fast", progress=True)
    assert all('<progress value="' in page for page in shown) and len(shown) >= 2


def test_progress_as_a_function():
    calls = []
    kiln.build(untimed(), tune="fast", progress=lambda *told: calls.append(told))
    assert calls and all(isinstance(what, str) and 0 <= done <= total for what, done, total, _, _ in calls)


def test_tables():
    session = kiln.Session(small_models.identity(small_models.FLOAT, ("n", None, 3)))
    table = session._repr_html_()
    assert "<td>input</td><td>x</td><td>tensor(float)</td><td>n x ? x 3</td>" in table
    assert kiln.build(small_models.identity(small_models.FLOAT), tune="off")._repr_html_().startswith("<table>")
    hostile = small_models.model([helper.make_node("Identity", ["<x>"], ["y"])],
                                 [small_models.tensor("<x>", small_models.FLOAT, [])],
                                 [small_models.tensor("y", small_models.FLOAT, [])])
    assert "<x>" not in kiln.Session(hostile)._repr_html_()


def test_logging(caplog, tmp_path):
    path = tmp_path / "mine.onnx"
    path.write_bytes(small_models.add())
    with caplog.at_level(logging.INFO, "kiln"):
        kiln.Session(kiln.build(path, tune="off"))
    texts = [record.getMessage() for record in caplog.records if record.name == "kiln"]
    assert texts[0].startswith("built an engine of mine.onnx in ") and texts[0].endswith(
        "1 steps, 0 of them by the reference code")
    assert texts[1].startswith("made a session of an Engine")


def test_eight_threads_share_a_session():
    session = kiln.Session(small_models.deep(20, 64), threads=1)
    feeds = [np.random.default_rng(seed).normal(size=(seed + 1, 64)).astype(np.float32) for seed in range(8)]
    expected = [session.run({"v0": feed})["v20"] for feed in feeds]
    wrong = []

    def work(number):
        for turn in range(50):
            index = (number + turn) % 8
            found = session.run({"v0": feeds[index]})["v20"]
            if not np.array_equal(found, expected[index]):
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_profiles_of_several_sizes(tmp_path, caplog):
    source = small_models.deep(2)
    shapes = ((1, 256), (8, 256), (64, 256))
    forms = [{"v0": shapes}, {"v0": "1x256:8x256:64x256"}, [{"v0": shapes}]]
    engines = [kiln.build(source, tune="off", profiles=form) for form in forms]
    for engine in engines:
        assert engine.info["profiles"] == [{"v0": tuple(list(shape) for shape in shapes)}]
        sizes = engine.info["variants"][0]["sizes"]
        assert not sizes or [tuple(size["shapes"]["v0"]) for size in sizes] == [shapes[1], shapes[0], shapes[2]]
    two = kiln.build(source, tune="off", profiles=[{"v0": shapes}, {"v0": (128, 256)}])
    assert len(two.info["profiles"]) == 2
    session = kiln.Session(engines[0])
    with caplog.at_level("DEBUG", logger="kiln"):
        session.run({"v0": np.ones((64, 256), np.float32)})
        assert "outside" not in caplog.text
        session.run({"v0": np.ones((65, 256), np.float32)})
        assert "outside of all profiles" in caplog.text and "[65,256]" in caplog.text
    for wrong in ({"v0": (shapes[0], shapes[1])}, {"v0": "1x256:x"}, {"w": (1, 256)}):
        with pytest.raises(kiln.Error, match="profile"):
            kiln.build(source, tune="off", profiles=wrong)
