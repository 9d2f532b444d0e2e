"""kiln bench: the figures it prints and the files it writes."""

import csv
import html.parser
import io
import json
import os
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
CLASSIFIER = ROOT / "examples" / "classifier.onnx"


def bench(*arguments, code=0):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KILN_")}
    done = subprocess.run([KILN, "bench", *map(str, arguments)], capture_output=True, text=True, check=False,
                          timeout=120, env=environment)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if code == 0 else done.stderr


def report(*arguments):
    return json.loads(bench(CLASSIFIER, *arguments, "--json", "-"))


def test_the_text_has_a_line_for_each_case():
    lines = bench(CLASSIFIER, "-n", 3, "--threads", "1,2", "--streams", "1,3").splitlines()
    assert lines[0].startswith("input x: f32[1,4]")
    assert [line.split()[:3] for line in lines[2:6]] == [["1", "1", "3"], ["1", "3", "9"], ["2", "1", "3"],
                                                         ["2", "3", "9"]]
    assert lines[-1].startswith("fastest answer: threads ")


def test_json_holds_every_run():
    found = report("--runs", 20, "--warmup", 2, "--threads", 1)
    case, = found["cases"]
    assert case["runs"] == len(case["latencies_ms"]) == 20
    times, summary = np.array(case["latencies_ms"]), case["latency_ms"]
    assert summary["min"] == times.min() and summary["max"] == times.max()
    assert summary["mean"] == pytest.approx(times.mean()) and summary["median"] == pytest.approx(np.median(times))
    for name, share in (("p90", 90), ("p95", 95), ("p99", 99)):
        assert summary[name] == pytest.approx(np.percentile(times, share))
    assert summary["deviation"] == pytest.approx(times.std())
    assert case["runs_per_second"] == pytest.approx(20 / case["seconds"])
    assert 0 < case["load_ms"] < case["first_result_ms"]
    memory = case["memory_bytes"]
    assert 0 < memory["before"] <= memory["peak"] and memory["steady"] <= memory["peak"]


def test_it_runs_about_as_long_as_it_is_told():
    case, = report("--seconds", 0.3)["cases"]
    assert 0.3 <= case["seconds"] < 3
    assert case["runs"] > 10


def test_one_thread_uses_one_cpu():
    case, = report("--seconds", 0.5, "--threads", 1)["cases"]
    assert case["cpu_seconds_per_second"] < 1.05


def test_shapes_make_cases():
    found = report("-n", 2, "--shapes", "x=1x4", "--shapes", "x=8x4")
    assert [case["shapes"] for case in found["cases"]] == ["x=1x4", "x=8x4"]
    assert "recommended" not in found
    assert report("-n", 1, "--shape", "batch=5")["cases"][0]["shapes"] == "x=5x4"


def test_batches_make_cases():
    found = report("-n", 3, "--batch", "1,16", "--threads", 1)
    assert [(case["batch"], case["shapes"]) for case in found["cases"]] == [(1, "x=1x4"), (16, "x=16x4")]
    for case in found["cases"]:
        assert case["items_per_second"] == pytest.approx(case["batch"] * case["runs_per_second"])
    fastest = min(found["cases"], key=lambda case: case["latency_ms"]["median"])
    busiest = max(found["cases"], key=lambda case: case["items_per_second"])
    for name, best in (("latency", fastest), ("throughput", busiest)):
        assert found["recommended"][name] == {"threads": 1, "streams": 1, "batch": best["batch"]}


def test_a_fixed_batch_cannot_be_swept(tmp_path):
    model = onnx.load(CLASSIFIER)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    onnx.save(model, tmp_path / "fixed.onnx")
    assert "first dim of the input 'x' is 1" in bench(tmp_path / "fixed.onnx", "--batch", "2", code=2)


def test_a_folder_is_fed_in_turn(tmp_path):
    folder = tmp_path / "a=b"  # an equals sign is no reason to misread it
    folder.mkdir()
    for i in range(3):
        np.save(folder / f"{i}.npy", np.zeros((i + 1, 4), np.float32))
    case, = report("-n", 4, "--input", f"x={folder}")["cases"]
    assert case["inputs"] == [f"x: f32[1,4] ({folder / '0.npy'})"]
    np.save(folder / "3.npy", np.zeros((1, 5), np.float32))
    assert "[1,5]" in bench(CLASSIFIER, "-n", 4, "--input", f"x={folder}", code=2)


def test_a_folder_of_npz_files(tmp_path):
    np.savez(tmp_path / "one.npz", x=np.ones((2, 4), np.float32))
    (tmp_path / "notes.txt").write_text("not an input")
    assert report("-n", 1, "--input", tmp_path)["cases"][0]["shapes"] == "x=2x4"


def test_csv(tmp_path):
    path = tmp_path / "out.csv"
    bench(CLASSIFIER, "-n", 2, "--threads", "1,2", "--csv", path)
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert [row["threads"] for row in rows] == ["1", "2"]
    assert all(float(row["median_ms"]) > 0 and int(row["peak_bytes"]) > 0 for row in rows)


class Page(html.parser.HTMLParser):
    """Counts tags, and holds that they close in order."""

    def __init__(self):
        super().__init__()
        self.open, self.counts, self.links = [], {}, []

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [value for name, value in attributes if name in ("href", "src")]
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_one_page_without_links(tmp_path):
    path = tmp_path / "out.html"
    bench(CLASSIFIER, "-n", 50, "--threads", "1,2", "--html", path)
    page = Page()
    page.feed(path.read_text())
    assert page.open == [] and page.links == []
    assert page.counts["svg"] == 2 and page.counts["table"] == 2 and page.counts["rect"] >= 2
    assert "prefers-color-scheme: dark" in path.read_text()


def test_html_escapes_names(tmp_path):
    model = tmp_path / "<b>&.onnx"
    model.write_bytes(CLASSIFIER.read_bytes())
    bench(model, "-n", 1, "--html", tmp_path / "out.html")
    text = (tmp_path / "out.html").read_text()
    assert "&lt;b&gt;&amp;.onnx" in text and "<b>" not in text


@pytest.mark.parametrize("arguments, part", [
    (["/nowhere/model.onnx"], "there is no such file"),
    ([CLASSIFIER, "--threads", "0"], "--threads"),
    ([CLASSIFIER, "--streams", "1,x"], "--streams"),
    ([CLASSIFIER, "--runs", "0"], "--runs"),
    ([CLASSIFIER, "--shapes", "y=1x4"], "no input of this name"),
    ([CLASSIFIER, "--input", "y=zeros"], "no such input"),
])
def test_wrong_use(arguments, part):
    assert part in bench(*arguments, code=2)


def test_an_empty_folder(tmp_path):
    assert "holds no .npz file" in bench(CLASSIFIER, "--input", tmp_path, code=2)
    assert "holds no file" in bench(CLASSIFIER, "--input", f"x={tmp_path}", code=2)


def test_folders_must_agree(tmp_path):
    for name, count in (("a", 1), ("b", 2)):
        (tmp_path / name).mkdir()
        for i in range(count):
            np.savez(tmp_path / name / f"{i}.npz", x=np.ones((1, 4), np.float32))
    assert "found 2 files, expected 1" in bench(CLASSIFIER, "--input", tmp_path / "a", "--input", tmp_path / "b",
                                                code=2)


def conv_model(path):
    random = np.random.default_rng(1)
    weight = onnx.numpy_helper.from_array(random.standard_normal((8, 8, 3, 3), dtype=np.float32), "w")
    nodes = [onnx.helper.make_node("Conv", ["x", "w"], ["c"], "conv", pads=[1, 1, 1, 1]),
             onnx.helper.make_node("Relu", ["c"], ["r"], "relu"),
             onnx.helper.make_node("NonZero", ["r"], ["y"], "where")]
    graph = onnx.helper.make_graph(
        nodes, "g", [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 8, 40, 40))],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT64, None)], [weight])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_a_profile_times_each_layer(tmp_path):
    model = conv_model(tmp_path / "m.onnx")
    case, = json.loads(bench(model, "-n", 3, "--threads", 1, "--profile", "--json", "-"))["cases"]
    profile = case["profile"]
    assert profile["runs"] == 3
    limits = profile["limits"]
    assert limits["flops_per_second"] > 1e9 and limits["bytes_per_second"] > 1e8
    by_ops = {layer["ops"]: layer for layer in profile["layers"]}
    conv, where = by_ops["Conv+Relu"], by_ops["NonZero"]
    assert conv["nodes"] == ["conv", "relu"] and conv["kernel"].startswith("conv_") and conv["threads"] == 1
    assert conv["flops"] == 1600 * 8 * (2 * 8 * 9 + 1)  # the Relu is one operation
    assert conv["bytes"] == 4 * (2 * 8 * 1600 + 8 * 8 * 9)
    limit = max(conv["flops"] / limits["flops_per_second"], conv["bytes"] / limits["bytes_per_second"])
    assert conv["share_of_limit"] == pytest.approx(limit / (conv["us"] * 1e-6))
    assert where["flops"] is None and where["share_of_limit"] is None
    for totals in (profile["by_kernel"], profile["by_operator"]):
        assert sum(total["ms"] for total in totals) == pytest.approx(profile["ms"])
        assert sum(total["steps"] for total in totals) == len(profile["layers"])
    assert "profile" not in json.loads(bench(model, "-n", 1, "--json", "-"))["cases"][0]


def test_a_profile_as_text_csv_and_html(tmp_path):
    model = conv_model(tmp_path / "<m>.onnx")
    text = bench(model, "-n", 2, "--profile", "--csv", tmp_path / "out.csv", "--html", tmp_path / "out.html")
    assert "conv +1" in text and "GFLOP/s" in text and "limits: " in text
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.layers.csv").read_text())))
    conv, = [row for row in rows if row["ops"] == "Conv+Relu"]
    assert conv["nodes"] == "conv relu" and float(conv["us"]) > 0 and float(conv["share_of_limit"]) > 0
    assert rows[-1]["ops"] == "NonZero" and rows[-1]["flops"] == ""
    page = Page()
    page.feed((tmp_path / "out.html").read_text())
    assert page.open == [] and page.links == []
    assert page.counts["svg"] == 3 and page.counts["circle"] == 1 and page.counts["polyline"] == 1
    assert "script" not in page.counts and "nan" not in (tmp_path / "out.html").read_text()


def test_a_model_with_nothing_to_do_can_be_profiled(tmp_path):
    constant = onnx.numpy_helper.from_array(np.ones(3, np.float32), "y")
    graph = onnx.helper.make_graph([], "g", [], [onnx.helper.make_tensor_value_info("y", 1, (3,))], [constant])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10),
              tmp_path / "m.onnx")
    bench(tmp_path / "m.onnx", "-n", 2, "--profile", "--html", tmp_path / "out.html", "--csv", tmp_path / "out.csv")
    assert "Nothing is left to do" in (tmp_path / "out.html").read_text()


def test_the_arena_is_held_against_the_least_that_is_possible(tmp_path):
    memory = json.loads(bench(conv_model(tmp_path / "m.onnx"), "-n", 1, "--json", "-"))["cases"][0]["memory_bytes"]
    assert 0 < memory["arena_lower_bound"] <= memory["arena"]


def test_an_engine_is_taken_too(tmp_path):
    model = conv_model(tmp_path / "m.onnx")
    subprocess.run([KILN, "build", model, "--tune", "off"], check=True, capture_output=True)
    assert "conv_" in bench(tmp_path / "m.kiln", "-n", 2, "--profile")
    assert "an ONNX file, or an engine" in bench("--help")


# ---- random shapes -------------------------------------------------------------------------------------------------


def dynamic_model(path, *inputs):
    """One Relu for each input (name, shape)."""
    make = onnx.helper.make_tensor_value_info
    nodes = [onnx.helper.make_node("Relu", [name], [f"{name}_out"]) for name, _ in inputs]
    graph = onnx.helper.make_graph(
        nodes, "g", [make(name, onnx.TensorProto.FLOAT, shape) for name, shape in inputs],
        [make(f"{name}_out", onnx.TensorProto.FLOAT, shape) for name, shape in inputs])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=9), path)
    return path


def test_random_shapes_tell_time_and_memory(tmp_path):
    model = dynamic_model(tmp_path / "m.onnx", ("x", ["n", 3, "h", "w"]))
    page = tmp_path / "out.html"
    found = json.loads(bench(model, "--shapes", "random:32..96/32,8..12", "--count", 60, "--seed", 4, "--html", page,
                             "--csv", tmp_path / "out.csv", "--json", "-"))
    assert found["inputs"] == ["x: [1,3,32..96/32,8..12] (random)"]
    assert found["runs"] == len(found["dims"]) == len(found["latencies_ms"]) == len(found["resident_bytes"]) == 60
    heights, widths = zip(*found["dims"])
    assert set(heights) == {32, 64, 96} and set(widths) == {8, 9, 10, 11, 12}
    pixels = sum(h * w for h, w in found["dims"])
    assert found["ns_per_element"] == pytest.approx(1e6 * sum(found["latencies_ms"]) / pixels)
    assert found["plans_made"] == len(set(map(tuple, found["dims"]))) and found["plan_ms"] > 0
    assert 0 < found["memory_bytes"]["before"] <= found["memory_bytes"]["last"] <= found["memory_bytes"]["peak"]
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text())))
    assert [row["dims"] for row in rows] == [f"{h}x{w}" for h, w in found["dims"]]
    text = page.read_text()
    assert text.count("<svg") == 2 and "resident MB" in text and "nan" not in text
    again = json.loads(bench(model, "--shapes", "random:32..96/32,8..12", "--count", 60, "--seed", 4, "--json", "-"))
    assert again["dims"] == found["dims"]


def test_random_shapes_as_text(tmp_path):
    model = dynamic_model(tmp_path / "m.onnx", ("x", ["n", 3, "h", "w"]), ("y", [2, "k"]))
    lines = bench(model, "--shapes", "x=random:4..8,5", "--shape", "n=2", "--shape", "k=7", "--count", 12).splitlines()
    assert lines[:2] == ["input x: [2,3,4..8,5] (random)", "input y: [2,7] (random)"]
    assert lines[2].split()[:2] == ["runs", "ns/element"] and lines[3].split()[0] == "12"
    assert lines[-1].startswith("peak ")


def test_random_dims_that_inputs_share(tmp_path):
    model = dynamic_model(tmp_path / "m.onnx", ("x", ["batch", "length"]), ("y", ["batch", "length", 3]))
    found = json.loads(bench(model, "--shapes", "random:1..8,8..64", "--count", 5, "--json", "-"))
    assert found["inputs"] == ["x: [1..8,8..64] (random)", "y: [1..8,8..64,3] (random)"]


@pytest.mark.parametrize("arguments, part", [
    (["--shapes", "random:8..4,2"], "8..4/1 holds no number"),
    (["--shapes", "random:a"], "expected ranges like"),
    (["--shapes", "z=random:1..4"], "no input of this name"),
    (["--shapes", "random:1..4"], "say which input"),
    (["--shapes", "x=random:1,1,1,1,1"], "5 ranges are given for 3 open dims"),
    (["--shapes", "x=random:4..8,5", "--streams", "2"], "--streams cannot be given with it"),
    (["--shapes", "x=random:4..8,5", "--shapes", "x=1x3x4x4"], "a second --shapes"),
])
def test_wrong_random_shapes(tmp_path, arguments, part):
    model = dynamic_model(tmp_path / "m.onnx", ("x", ["n", 3, "h", "w"]), ("y", [2, "k"]))
    assert part in bench(model, *arguments, code=2)


def test_max_memory(tmp_path):
    model = dynamic_model(tmp_path / "m.onnx", ("x", ["n", 3, "h", "w"]))
    shape = ["--shape", "x=1x3x1000x1000", "-n", 1]
    bench(model, *shape, "--max-memory", "40MB")
    assert "(max_memory)" in bench(model, *shape, "--max-memory", "1M", code=1)
    assert "no number of bytes" in bench(model, *shape, "--max-memory", "lots", code=2)
