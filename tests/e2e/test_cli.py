"""The command line program as a user or a script sees it: output, files, exit codes, messages."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parents[2]
KILN = os.environ.get("KILN_CLI", str(ROOT / "build" / "kiln"))
CLASSIFIER = ROOT / "examples" / "classifier.onnx"
COMMANDS = ["run", "build", "rebuild", "bench", "compare", "info", "check", "ops", "knobs", "completion"]


def environment(**variables):
    """That of the tests without what steers Kiln or its colours."""
    return {k: v for k, v in os.environ.items() if not k.startswith("KILN_") and k != "NO_COLOR"} | variables


def kiln(*arguments, **variables):
    return subprocess.run([KILN, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120,
                          env=environment(**variables))


def good(*arguments, **variables):
    done = kiln(*arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(code, *arguments, **variables):
    """The one message of a command that has to fail with this code."""
    done = kiln(*arguments, **variables)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.startswith("kiln: error: ")
    assert done.stderr.count("kiln: error:") == 1
    assert done.stdout == ""
    return done.stderr


def save(path, nodes, inputs, outputs, initializers=(), opsets=None):
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    opsets = opsets or [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


@pytest.fixture
def identity(tmp_path):
    """Makes a model that hands its input on."""
    def make(dtype, shape, name="x"):
        return save(tmp_path / "identity.onnx", [helper.make_node("Identity", [name], ["y"])],
                    [value(name, dtype, shape)], [value("y", dtype, None)])
    return make


# ---- help, version, wrong use ----

@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples(command):
    text = good(command, "--help")
    assert "Examples:" in text
    assert f"kiln {command}" in text or command == "completion"


def test_help_and_version():
    text = good("--help")
    for command in COMMANDS:
        assert command in text
    assert "Exit codes:" in text
    assert re.fullmatch(r"kiln \d+\.\d+\.\d+\n", good("--version"))


def test_documentation_is_what_the_program_says():
    done = subprocess.run([sys.executable, ROOT / "scripts" / "write_cli_docs.py", KILN, "--check"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr + "run scripts/write_cli_docs.py build/kiln"


@pytest.mark.parametrize("arguments, part", [
    ([], "subcommand"),
    (["fly"], "fly"),
    (["run"], "model"),
    (["run", CLASSIFIER, "--bogus"], "--bogus"),
    (["run", "/nowhere/model.onnx"], "/nowhere/model.onnx: there is no such file"),
    (["run", ROOT], "is a folder"),
    (["run", CLASSIFIER, "--input", "y=zeros"], "no such input; its inputs are 'x'"),
    (["run", CLASSIFIER, "--input", "x"], "expected NAME=SOURCE"),
    (["run", CLASSIFIER, "--input", "x=nonsense"], "is no source"),
    (["run", CLASSIFIER, "--input", "x=zeros", "--input", "x=ones"], "given twice"),
    (["run", CLASSIFIER, "--input", "x=nowhere.npy"], "nowhere.npy: there is no such file"),
    (["run", CLASSIFIER, "--input", "x=zeros:2x5"], "found shape [2,5], expected [batch,4]"),
    (["run", CLASSIFIER, "--input", "x=zeros:2xx4"], "is no shape"),
    (["run", CLASSIFIER, "--shape", "nobody=3"], "nobody"),
    (["run", CLASSIFIER, "--shape", "x=2x4", "--shape", "batch=3"], "batch"),
    (["run", CLASSIFIER, "--repeat", "0"], "--repeat"),
    (["build", "/nowhere/model.onnx"], "/nowhere/model.onnx: there is no such file"),
    (["build", CLASSIFIER, "--tune", "wildly"], "--tune wildly"),
    (["build", CLASSIFIER, "--time-budget", "soon"], "--time-budget soon"),
    (["build", CLASSIFIER, "--shapes", "nobody=3x4"], "no input of this name"),
    (["--knob", "no_such_knob=1", "knobs"], "no_such_knob"),
    (["--knob", "threads=many", "knobs"], "threads"),
    (["--knob", "threads", "knobs"], "NAME=VALUE"),
    (["--threads", "-1", "knobs"], "--threads"),
    (["ops", "Konv"], "Konv"),
    (["completion", "tcsh"], "tcsh"),
])
def test_wrong_use(arguments, part):
    assert part in refused(2, *arguments)


def test_a_variable_with_an_impossible_value_is_wrong_use():
    assert "KILN_THREADS" in refused(2, "knobs", KILN_THREADS="many")


def test_an_unknown_variable_is_warned_about():
    done = kiln("knobs", KILN_TREADS="2")
    assert done.returncode == 0
    assert done.stderr.startswith("kiln: warning:") and "KILN_TREADS" in done.stderr


# ---- wrong models and data ----

def test_what_is_no_model(tmp_path):
    path = tmp_path / "no.onnx"
    path.write_bytes(b"this is no model")
    for command in ("run", "info"):
        refused(1, command, path)
    assert kiln("check", path).returncode == 1


def test_a_model_cut_short(tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(CLASSIFIER.read_bytes()[:150])
    refused(1, "run", path)


def test_an_unknown_operator(tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("Fly", ["x"], ["y"], "wing")],
                [value("x", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [1])])
    message = refused(1, "run", path)
    assert "wing" in message and "Fly" in message


def test_data_of_the_wrong_type_or_form(tmp_path):
    np.save(tmp_path / "i.npy", np.zeros((1, 4), np.int64))
    assert "i64" in refused(1, "run", CLASSIFIER, "--input", f"x={tmp_path / 'i.npy'}")
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00")
    refused(1, "run", CLASSIFIER, "--input", f"x={tmp_path / 'broken.npy'}")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    refused(1, "run", CLASSIFIER, "--input", f"x={tmp_path / 'broken.png'}")


def test_a_name_cannot_steer_the_terminal(tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("Identity", ["\x1b[31mx"], ["y"])],
                [value("\x1b[31mx", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [1])])
    for arguments in (["run", path, "--print"], ["info", path]):
        assert "\x1b" not in good(*arguments)


# ---- run ----

def test_run_prints_outputs():
    text = good("run", CLASSIFIER, "--input", "x=ones:2x4", "--print")
    assert "input x: f32[2,4] (ones)" in text
    assert "probabilities: f32[2,3]" in text
    assert re.search(r"min \S+, max \S+, mean 0\.333333", text)


def test_run_as_json():
    report = json.loads(good("run", CLASSIFIER, "--input", "x=ones:2x4", "--repeat", "3", "--json"))
    (output,) = report["outputs"]
    assert output["shape"] == [2, 3] and output["dtype"] == "float"
    weights = np.array([[2, -1, 0], [-1, 2, 0], [0, -1, 2], [0, 0, 1]], np.float32)
    scores = np.exp(np.ones((2, 4), np.float32) @ weights)
    np.testing.assert_allclose(output["data"], scores / scores.sum(1, keepdims=True), rtol=1e-5)
    assert len(report["timings"]["runs_ms"]) == 3
    assert report["timings"]["min_ms"] <= report["timings"]["median_ms"]
    assert report["inputs"] == [{"name": "x", "type": "f32[2,4]", "source": "ones"}]


def test_random_data_follows_the_seed():
    def data(*arguments):
        return json.loads(good("run", CLASSIFIER, "--json", *arguments))["outputs"][0]["data"]
    assert data("--seed", "5") == data("--seed", "5")
    assert data("--seed", "5") != data("--seed", "6")


def test_symbols_are_bound_the_same_everywhere(tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("Add", ["a", "b"], ["y"])],
                [value("a", TensorProto.FLOAT, ["n", "m"]), value("b", TensorProto.FLOAT, ["n", "m"])],
                [value("y", TensorProto.FLOAT, ["n", "m"])])
    def shape(*arguments):
        return json.loads(good("run", path, "--json", *arguments))["outputs"][0]["shape"]
    assert shape() == [1, 1]
    assert shape("--shape", "n=3") == [3, 1]
    assert shape("--shape", "a=2x5") == [2, 5]
    assert shape("--input", "b=random:4x2") == [4, 2]
    refused(2, "run", path, "--shape", "a=2x5", "--shape", "b=3x5")


@pytest.mark.parametrize("dtype", [name for name in TensorProto.DataType.keys() if name != "UNDEFINED"])
def test_random_data_of_every_type(identity, dtype):
    path = identity(TensorProto.DataType.Value(dtype), [2, 3])
    opset = onnx.load(path)
    opset.opset_import[0].version = 25
    onnx.save(opset, path)
    if dtype.startswith("FLOAT6"):
        pytest.skip("no operator before opset 26 takes it")
    report = json.loads(good("run", path, "--json"))
    assert np.shape(report["outputs"][0]["data"])[:2] == (2, 3)
    good("run", path, "--print")


def test_numbers_that_json_does_not_have(identity, tmp_path):
    np.save(tmp_path / "x.npy", np.array([np.nan, np.inf, -np.inf, 1], np.float32))
    report = json.loads(good("run", identity(TensorProto.FLOAT, [4]), "--input", f"x={tmp_path / 'x.npy'}", "--json"))
    assert report["outputs"][0]["data"] == ["NaN", "Infinity", "-Infinity", 1.0]
    assert report["outputs"][0]["not_finite"] == 3


def test_inputs_from_array_files(identity, tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    path = identity(TensorProto.FLOAT, ["n", 3])
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "several.npz", other=x + 1, x=x)
    np.savez(tmp_path / "only.npz", x=x)
    (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(x, "x").SerializeToString())
    for source in ("x=" + str(tmp_path / "x.npy"), "x=" + str(tmp_path / "several.npz"), str(tmp_path / "only.npz"),
                   "x=" + str(tmp_path / "x.pb")):
        report = json.loads(good("run", path, "--input", source, "--json"))
        assert report["outputs"][0]["data"] == x.tolist(), source
    assert "other" in refused(2, "run", path, "--input", tmp_path / "several.npz")


@pytest.mark.parametrize("shape, axes", [([1, 3, "h", "w"], (2, 0, 1)), (["n", "h", "w", 3], (0, 1, 2))])
@pytest.mark.parametrize("dtype", [TensorProto.FLOAT, TensorProto.UINT8])
def test_inputs_from_pictures(identity, tmp_path, shape, axes, dtype):
    from PIL import Image
    pixels = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    report = json.loads(good("run", identity(dtype, shape), "--input", f"x={tmp_path / 'p.png'}", "--json"))
    expected = pixels.transpose(axes)[None]
    if dtype == TensorProto.FLOAT:
        expected = expected.astype(np.float32) / np.float32(255)
    np.testing.assert_allclose(report["outputs"][0]["data"], expected, rtol=1e-6)


def test_a_picture_is_scaled_to_a_fixed_size(identity, tmp_path):
    from PIL import Image
    Image.new("RGB", (40, 30), (255, 0, 51)).save(tmp_path / "p.png")
    report = json.loads(good("run", identity(TensorProto.FLOAT, [1, 3, 8, 6]), "--input", f"x={tmp_path / 'p.png'}",
                             "--json"))
    data = np.array(report["outputs"][0]["data"])
    assert data.shape == (1, 3, 8, 6)
    np.testing.assert_allclose(data.mean((0, 2, 3)), [1, 0, 0.2], atol=1e-6)


def test_outputs_are_saved_under_safe_names(tmp_path):
    path = save(tmp_path / "m.onnx",
                [helper.make_node("Identity", ["x"], ["../../escape"]), helper.make_node("Identity", ["x"], ["a/b"]),
                 helper.make_node("Identity", ["x"], ["a:b"])],
                [value("x", TensorProto.FLOAT, [2])],
                [value(name, TensorProto.FLOAT, [2]) for name in ("../../escape", "a/b", "a:b")])
    folder = tmp_path / "deep" / "er" / "out"
    good("run", path, "--input", "x=ones", "--output", folder)
    assert sorted(p.name for p in folder.iterdir()) == ["_._.._escape.npy", "a_b.npy", "a_b_2.npy"]
    assert np.load(folder / "a_b.npy").tolist() == [1, 1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "m.onnx"]


def test_a_sequence_is_saved_item_by_item(tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("SequenceConstruct", ["x", "x"], ["y"])],
                [value("x", TensorProto.INT64, [2])],
                [helper.make_tensor_sequence_value_info("y", TensorProto.INT64, None)])
    good("run", path, "--input", "x=ones", "--output", tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["y.0.npy", "y.1.npy"]
    assert json.loads(good("run", path, "--input", "x=ones", "--json"))["outputs"][0]["data"] == [[1, 1], [1, 1]]


def test_threads_and_knobs_reach_the_run():
    report = json.loads(good("--threads", "1", "run", CLASSIFIER, "--json", "--knob", "verify_shapes=true"))
    assert report["threads"] == 1
    assert "max_tensor_bytes" in refused(1, "run", CLASSIFIER, "--shape", "batch=1000", "--knob", "max_tensor_bytes=64")


def test_output_that_cannot_be_written():
    with open("/dev/full", "w") as full:
        done = subprocess.run([KILN, "knobs"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "cannot be written" in done.stderr


# ---- check, info, ops, knobs, completion ----

def test_check(tmp_path):
    assert "sound" in good("check", CLASSIFIER)
    report = json.loads(good("check", CLASSIFIER, "--json"))
    assert report["errors"] == 0 and report["findings"] == []
    path = save(tmp_path / "m.onnx",
                [helper.make_node("Add", ["x", "nothing"], ["y"], "sum"),
                 helper.make_node("Fly", ["x"], ["z"], "wing")],
                [value("x", TensorProto.FLOAT, [1])], [value("y", TensorProto.FLOAT, [1])])
    done = kiln("check", path)
    assert done.returncode == 1 and "sum" in done.stdout and "wing" in done.stdout
    findings = json.loads(kiln("check", path, "--json").stdout)["findings"]
    assert len([f for f in findings if f["severity"] == "error"]) >= 2
    assert all(f["rule"] and f["place"] and f["message"] for f in findings)


def test_info():
    text = good("info", CLASSIFIER)
    for part in ("[batch, 4]", "[batch, 3]", "ai.onnx 21", "Gemm", "assumed", "batch = 1"):
        assert part in text


def test_info_as_json():
    report = json.loads(good("info", CLASSIFIER, "--shape", "batch=8", "--json"))
    assert report["inputs"] == [{"name": "x", "type": "tensor(float)", "shape": ["batch", 4], "optional": False}]
    assert report["opsets"] == {"ai.onnx": 21}
    assert report["parameters"] == 15 and report["weight_bytes"] == 60
    assert {op["operator"]: op["nodes"] for op in report["operators"]} == {"Gemm": 1, "Softmax": 1}
    run = report["run"]
    assert run["input_shapes"] == {"x": [8, 4]}
    assert run["flops"] == 8 * 3 * (2 * 4 + 1) + 8 * 3 * 5
    assert run["bytes_read"] == 8 * 4 * 4 + 60 + 8 * 3 * 4
    assert run["bytes_written"] == 2 * 8 * 3 * 4
    assert run["uncounted_nodes"] == 0 and run["assumptions"] == []


def test_info_counts_convolutions_functions_and_loops(tmp_path):
    w = numpy_helper.from_array(np.zeros((8, 3, 3, 3), np.float32), "w")
    trips = numpy_helper.from_array(np.array(5, np.int64), "trips")
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Mul", ["state", "y"], ["next"])], "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("state", TensorProto.FLOAT, None)],
        [value("go_on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, None)])
    twice = helper.make_function("local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])],
                                 [helper.make_opsetid("", 21)])
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("Twice", ["y"], ["z"], domain="local"),
         helper.make_node("Loop", ["trips", "", "z"], ["out"], body=body)], "g",
        [value("x", TensorProto.FLOAT, [1, 3, 10, 10])], [value("out", TensorProto.FLOAT, None)], [w, trips])
    onnx.save(helper.make_model(graph, functions=[twice], ir_version=10,
                                opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("local", 1)]),
              tmp_path / "m.onnx")
    report = json.loads(good("info", tmp_path / "m.onnx", "--json"))
    outputs = 8 * 8 * 8
    assert report["run"]["flops"] == outputs * 2 * 27 + outputs + 5 * outputs
    assert report["functions"] == 1 and report["subgraphs"] == 1 and report["run"]["uncounted_nodes"] == 0


def bands_model(tmp_path):
    """Two convolutions whose tensors are worth bands."""
    ws = [numpy_helper.from_array(np.ones((16, channels, 3, 3), np.float32), name)
          for channels, name in ((3, "w1"), (16, "w2"))]
    nodes = [helper.make_node("Conv", ["x", "w1"], ["a"], name="first", pads=[1, 1, 1, 1]),
             helper.make_node("Conv", ["a", "w2"], ["b"], name="second", pads=[1, 1, 1, 1])]
    graph = helper.make_graph(nodes, "g", [value("x", TensorProto.FLOAT, [1, 3, "h", "w"])],
                              [value("b", TensorProto.FLOAT, None)], ws)
    path = tmp_path / "large.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_info_of_a_plan(tmp_path):
    model, svg = bands_model(tmp_path), tmp_path / "memory.svg"
    arguments = ["info", model, "--plan", "--shape", "x=1x3x400x300"]
    text = good(*arguments, "--svg", svg, KILN_BANDS="on")
    for part in ("x [1,3,400,300]", "arena", "first +1", "bands", "scratch memory"):
        assert part in text
    assert svg.read_text().startswith("<svg ") and "<rect" in svg.read_text()
    banded, whole = [json.loads(good(*arguments, "--json", KILN_BANDS=bands)) for bands in ("on", "off")]
    assert any("bands" in step for step in banded["steps"]) and not any("bands" in step for step in whole["steps"])
    assert banded["arena_bytes"] < whole["arena_bytes"]
    for block in banded["blocks"]:
        assert 0 <= block["offset"] <= banded["arena_bytes"] - block["bytes"]
        assert block["first_step"] <= block["last_step"] < len(banded["steps"])


def test_a_plan_is_drawn_only_where_it_is_asked_for(tmp_path):
    assert "--plan" in kiln("info", CLASSIFIER, "--svg", tmp_path / "x.svg").stderr


def test_info_counts_external_data(tmp_path):
    model = onnx.load(CLASSIFIER)
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    report = json.loads(good("info", tmp_path / "m.onnx", "--json"))
    assert report["external_tensors"] == 2 and report["external_bytes"] == 60


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    path = tmp_path_factory.mktemp("engine") / "classifier.kiln"
    make_engine = "import kiln, sys; kiln.build(sys.argv[1], tune='off').save(sys.argv[2])"
    subprocess.run([sys.executable, "-c", make_engine, str(CLASSIFIER), str(path)], check=True, env=os.environ)
    return path


def test_an_engine_runs_as_its_model(engine):
    with_seed = ["--seed", 3, "--json"]
    from_model, from_engine = (json.loads(good("run", path, *with_seed)) for path in (CLASSIFIER, engine))
    assert from_model["outputs"] == from_engine["outputs"]


def test_info_of_an_engine(engine):
    text = good("info", engine)
    for part in ("classifier.onnx", "SHA-256", "section", "weights"):
        assert part in text
    info = json.loads(good("info", engine, "--json"))
    assert info["options"]["tune"] == "off" and info["file_bytes"] == engine.stat().st_size
    assert info["variants"][0]["steps"] and info["sections"][-1]["name"] == "weights"
    # An engine tells about itself where it cannot run; running says what is missing.
    if info["variants"][0]["isa"] != "portable":
        assert json.loads(good("info", engine, "--json", KILN_ISA="portable"))["variants"] == info["variants"]
        message = refused(1, "run", engine, KILN_ISA="portable")
        assert "instruction set" in message and "kiln rebuild" in message


def test_check_of_an_engine(engine, tmp_path):
    assert "sound" in good("check", engine)
    damaged = bytearray(engine.read_bytes())
    damaged[-100] ^= 4
    (tmp_path / "damaged.kiln").write_bytes(damaged)
    done = kiln("check", tmp_path / "damaged.kiln")
    assert done.returncode == 1 and "section 'weights'" in done.stdout
    damaged[70] ^= 4
    (tmp_path / "damaged.kiln").write_bytes(damaged)
    assert "section table" in refused(1, "run", tmp_path / "damaged.kiln")


def test_ops():
    operators = json.loads(good("ops", "--json"))
    assert len(operators) == 227
    (conv,) = json.loads(good("ops", "Conv", "--json"))
    assert [version["since"] for version in conv["versions"]] == [1, 11, 22]
    assert "227 operators in 659 versions" in good("ops")
    assert "Scaler" in good("ops", "ai.onnx.ml.Scaler")


def test_knobs():
    knobs = {knob["name"]: knob for knob in json.loads(good("knobs", "--json"))}
    assert {"threads", "max_tensor_bytes", "onnx_max_nesting", "max_array_bytes"} <= set(knobs)
    for knob in knobs.values():
        assert knob["help"] and knob["expected"] and knob["variable"].startswith("KILN_")
        assert knob["source"] == "default" and knob["value"] == knob["default"]
    set_knobs = {knob["name"]: knob for knob in
                 json.loads(good("--knob", "onnx_max_rank=9", "knobs", "--json", KILN_THREADS="3"))}
    assert (set_knobs["onnx_max_rank"]["value"], set_knobs["onnx_max_rank"]["source"]) == ("9", "set")
    assert (set_knobs["threads"]["value"], set_knobs["threads"]["source"]) == ("3", "environment")


def test_every_knob_of_the_sources_is_listed():
    declared = set()
    for path in (ROOT / "src").rglob("*.[ch]pp"):
        declared |= set(re.findall(r'^inline (?:Choice)?Knob<[^>]+> \w+\{\s*"(\w+)"', path.read_text(), re.MULTILINE))
    assert declared and declared == {knob["name"] for knob in json.loads(good("knobs", "--json"))}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_commands_and_options(shell):
    script = good("completion", shell)
    for word in [*COMMANDS, "repeat", "threads"]:
        assert word in script


def test_bash_completes():
    script = good("completion", "bash") + """
COMP_WORDS=(kiln run --re); COMP_CWORD=2; _kiln; echo "${COMPREPLY[@]}"
COMP_WORDS=(kiln in); COMP_CWORD=1; _kiln; echo "${COMPREPLY[@]}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["--repeat", "info"]


# ---- terminals ----

def on_terminal(*arguments, **variables):
    """What a command writes when standard output and error are a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen([KILN, *map(str, arguments)], stdout=slave, stderr=slave,
                          env=environment(TERM="xterm", **variables)) as process:
        os.close(slave)
        written = b""
        try:
            while chunk := os.read(master, 65536):
                written += chunk
        except OSError:  # the other end of a terminal is closed
            pass
        process.wait(timeout=60)
    os.close(master)
    return written.decode()


def test_colour_only_on_a_terminal():
    assert "\x1b[" in on_terminal("knobs")
    assert "\x1b[" not in on_terminal("knobs", NO_COLOR="1")
    assert "\x1b[" not in good("knobs")


def test_progress_bar_only_on_a_terminal_and_after_a_second():
    slow = ["run", CLASSIFIER, "--shape", "batch=20000", "--repeat", "1000000000"]
    master, slave = pty.openpty()
    with subprocess.Popen([KILN, *map(str, slow)], stdout=subprocess.DEVNULL, stderr=slave,
                          env=environment(TERM="xterm")) as process:
        os.close(slave)
        written = os.read(master, 4096).decode()
        process.kill()
    os.close(master)
    assert "running [" in written
    assert "running [" not in on_terminal("run", CLASSIFIER)
