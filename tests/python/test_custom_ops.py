"""Operators written in Python and in C."""
import os
import shutil
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

import kiln
import kiln.onnxruntime
import small_models
from small_models import FLOAT, tensor

HERE = Path(__file__).parent
X = np.arange(6, dtype=np.float32).reshape(2, 3)


def network(op, domain="mine", *, before="Neg", after="Abs", outputs=1, **attributes) -> bytes:
    """y = after(op(before(x)))"""
    names = [f"o{i}" for i in range(outputs)]
    nodes = [helper.make_node(before, ["x"], ["a"]), helper.make_node(op, ["a"], names, "the_node", domain=domain,
                                                                     **attributes),
             helper.make_node(after, ["o0"], ["y"])]
    ports = [tensor("y", FLOAT, None)] + [tensor(name, FLOAT, None) for name in names[1:]]
    return small_models.model(nodes, [tensor("x", FLOAT, ["n", 3])], ports, opsets=(("", 20), (domain, 1)))


def test_an_operator_in_python():
    seen = []

    def scaled(x, *, factor=1.0, names=()):
        seen.append((x.copy(), factor, list(names)))
        return x * np.float32(factor)

    kiln.register_op("Scaled", scaled, domain="mine", infer="same")
    session = kiln.Session(network("Scaled", factor=2.5, names=["a", "b"]))
    assert session.outputs[0].shape == ["n", 3]
    assert (session.run({"x": X})["y"] == X * 2.5).all()
    assert (session.run({"x": X[:1]})["y"] == X[:1] * 2.5).all()
    assert (seen[0][0] == -X).all() and seen[0][1:] == (2.5, ["a", "b"])
    engine = kiln.build(network("Scaled", factor=2.0), tune="off")
    assert (kiln.Session(engine).run({"x": X})["y"] == X * 2).all()


def test_the_drop_in_runs_it():
    kiln.register_op("Plus", lambda x: x + 1, domain="mine", infer="same")
    assert (kiln.onnxruntime.InferenceSession(network("Plus")).run(None, {"x": -X})[0] == X + 1).all()


def test_an_engine_file_needs_it(tmp_path):
    kiln.register_op("Kept", np.tanh, domain="mine", infer="same")
    path = tmp_path / "kept.kiln"
    kiln.build(network("Kept"), tune="off").save(path)
    np.testing.assert_allclose(kiln.Session(path).run({"x": X})["y"], np.tanh(X), rtol=1e-6)
    program = "import sys, kiln\ntry: kiln.Session(sys.argv[1])\nexcept kiln.Error as error: print(error)"
    said = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True).stdout
    assert "node 'the_node' (mine.Kept)" in said and "has no operator 'Kept'" in said


def test_several_outputs_and_no_inference():
    kiln.register_op("Parts", lambda x: (x[:1], x[1:]), domain="mine")
    found = kiln.Session(network("Parts", outputs=2)).run({"x": X})
    assert (found["y"] == X[:1]).all() and (found["o1"] == -X[1:]).all()


def test_inference_by_a_function():
    types = []

    def infer(x, *, times):
        types.append(x)
        return x.dtype, (x.shape[0], None if x.shape[1] is None else x.shape[1] * times)

    kiln.register_op("Tiled", lambda x, *, times: np.tile(x, (1, times)), domain="mine", infer=infer)
    session = kiln.Session(network("Tiled", times=2))
    assert session.outputs[0].shape == ["n", 6]
    assert session.run({"x": X})["y"].shape == (2, 6)
    assert kiln.TensorType(np.dtype(np.float32), ("n", 3)) in types
    assert kiln.TensorType(np.dtype(np.float32), (2, 3)) in types


def test_a_result_other_than_was_inferred_is_an_error():
    kiln.register_op("Lies", lambda x: x[:, :2], domain="mine", infer="same")
    with pytest.raises(kiln.Error, match="the_node"):
        kiln.Session(network("Lies")).run({"x": X})


def test_what_it_raises_names_the_node():
    def fails(x):
        return {}["gone"]

    kiln.register_op("Fails", fails, domain="mine", infer="same")
    with pytest.raises(kiln.Error, match=r"node 'the_node' \(mine.Fails\): KeyError: 'gone'") as caught:
        kiln.Session(network("Fails")).run({"x": X})
    assert isinstance(caught.value.__cause__, KeyError) and caught.value.code == "invalid_data"
    assert "in fails" in "".join(traceback.format_exception(caught.value))
    with pytest.raises(kiln.Error) as other:
        kiln.Session(small_models.add()).run({"x": X})
    assert other.value.__cause__ is None

    def interrupted(x):
        raise KeyboardInterrupt

    kiln.register_op("Interrupted", interrupted, domain="mine", infer="same")
    with pytest.raises(KeyboardInterrupt):
        kiln.Session(network("Interrupted")).run({"x": X})


def test_wrong_results():
    for name, result, message in (("Few", (), "gave 0 outputs, expected 1"), ("Odd", len, "gave a builtin")):
        kiln.register_op(name, lambda x, result=result: result, domain="mine")
        with pytest.raises(kiln.Error, match=message):
            kiln.Session(network(name)).run({"x": X})
    kiln.register_op("Strict", lambda x: x, domain="mine")
    with pytest.raises(kiln.Error, match="takes no attribute 'wrong'"):
        kiln.Session(network("Strict", wrong=1)).run({"x": X})


def test_what_cannot_be_registered():
    for domain in ("", "ai.onnx", "ai.onnx.ml"):
        with pytest.raises(kiln.Error, match="ONNX's own"):
            kiln.register_op("Relu", lambda x: x, domain=domain)
    with pytest.raises(TypeError, match="infer"):
        kiln.register_op("Relu", lambda x: x, domain="mine", infer="wrong")


def test_the_newest_of_one_name_counts():
    kiln.register_op("Changing", lambda x: x + 1, domain="mine", infer="same")
    old = kiln.Session(network("Changing"))
    kiln.register_op("Changing", lambda x: x + 2, domain="mine", infer="same")
    new = kiln.Session(network("Changing"))
    assert old.run({"x": -X})["y"][0, 0] == 1 and new.run({"x": -X})["y"][0, 0] == 2


def test_inputs_may_be_kept_and_results_changed():
    kept = []

    @kiln.custom_op("mine", "Keeps", infer="same")
    def keeps(x):
        kept.append(x)
        return x

    session = kiln.Session(network("Keeps"))
    results = [session.run({"x": X + i})["y"] for i in range(5)]
    results[0][:] = 99
    assert keeps is not None
    for i in range(5):
        assert (kept[i] == -(X + i)).all()


def test_from_eight_threads():
    kiln.register_op("Slow", lambda x: np.sort(x, axis=1), domain="mine", infer="same")
    session = kiln.Session(network("Slow"), threads=1)
    wrong = []

    def work(number):
        for _ in range(30):
            found = session.run({"x": X + number})["y"]
            wrong.extend([] if (found == np.abs(np.sort(-(X + number), axis=1))).all() else [number])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_in_networks_by_hand():
    kiln.register_op("Twice", lambda x: 2 * x, domain="mine", infer="same")
    b = kiln.GraphBuilder()
    x = b.input("x", "float32", ("n", 3))
    y = b.op("Twice", x, domain="mine")
    assert y.shape == ("n", 3)
    b.output(b.relu(y), "y")
    assert (kiln.Session(b).run({"x": X})["y"] == 2 * X).all()
    assert not [finding for finding in kiln.check(b.model().to_onnx()) if finding.is_error]


def compile_plugin(source, folder, *flags):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = folder / f"{source.stem}.so"
    subprocess.run([compiler, "-std=c11", "-Wall", "-Werror", "-shared", "-fPIC", f"-I{kiln.get_include()}", *flags,
                    source, "-o", library], check=True, env={**os.environ, "LD_PRELOAD": ""})
    return library


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    return compile_plugin(HERE / "plugins" / "mine.c", tmp_path_factory.mktemp("plugin"))


def test_a_plugin(plugin):
    kiln.load_plugin(plugin)
    kiln.load_plugin(os.fspath(plugin))
    session = kiln.Session(network("Scale", "mine.c", factor=3.0))
    assert session.outputs[0].shape == ["n", 3]
    large = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    np.testing.assert_allclose(session.run({"x": large})["y"], np.abs(large) * 6, rtol=1e-6)
    assert (kiln.Session(network("Scale", "mine.c")).run({"x": X})["y"] == X).all()
    deeper = kiln.Session(network("Deeper", "mine.c", offset=helper.make_tensor("t", FLOAT, [], [1.0])))
    assert deeper.outputs[0].shape == [None, 3, 1]
    assert (deeper.run({"x": X})["y"] == np.abs(1 - X)[..., None]).all()
    words = small_models.model(
        [helper.make_node("Reverse", ["x"], ["y"], domain="mine.c", repeats=[2], suffix="!")],
        [tensor("x", TensorProto.STRING, ["n"])], [tensor("y", TensorProto.STRING, ["m"])],
        opsets=(("", 20), ("mine.c", 1)))
    assert kiln.Session(words).run({"x": ["a", "b"]})["y"].tolist() == ["b!", "a!", "b!", "a!"]


def test_the_table_is_frozen(tmp_path):
    kiln.load_plugin(compile_plugin(HERE / "plugins" / "frozen.c", tmp_path))


def test_what_a_plugin_says_is_an_error(plugin):
    kiln.load_plugin(plugin)
    for op, message in (("Fails", "it never works"), ("Silent", "gave no output 0"),
                        ("TooLarge", "9223372036854775807")):
        with pytest.raises(kiln.Error, match=rf"the_node.*mine.c.{op}.*{message}"):
            kiln.Session(network(op, "mine.c")).run({"x": X})
    with pytest.raises(kiln.Error, match="attribute|factor"):
        kiln.Session(network("Scale", "mine.c", factor="wrong")).run({"x": X})
    with pytest.raises(kiln.Error, match="f64|double"):
        kiln.Session(small_models.model(
            [helper.make_node("Scale", ["x"], ["y"], domain="mine.c")], [tensor("x", TensorProto.DOUBLE, [3])],
            [tensor("y", TensorProto.DOUBLE, [3])], opsets=(("", 20), ("mine.c", 1)))).run({"x": np.ones(3)})


def test_plugins_that_are_none(tmp_path):
    with pytest.raises(kiln.Error, match="cannot be loaded"):
        kiln.load_plugin(tmp_path / "absent.so")
    for name, text, message in (
            ("empty", "int nothing;", "no function kiln_plugin_register"),
            ("foreign", "int RegisterCustomOps(void) { return 0; }", "ONNX Runtime's own C interface"),
            ("failing", '#include <kiln/plugin.h>\nint kiln_plugin_register(const kiln_plugin_api* a, kiln_registry* r)'
                        " { (void)a, (void)r; return 7; }", "failed with 7"),
            ("wrong", '#include <kiln/plugin.h>\nint kiln_plugin_register(const kiln_plugin_api* a, kiln_registry* r)'
                      ' { const kiln_op op = {sizeof op, "", "Relu", 1, 0, 0, 0, 0, 0, 0}; return a->add_op(r, &op); }',
             "has no function to run|ONNX's own"),
            ("schema", '#include <kiln/plugin.h>\nstatic int run(const kiln_plugin_api* a, kiln_op_call* c, void* u)'
                       " { (void)a, (void)c, (void)u; return 0; }\n"
                       "int kiln_plugin_register(const kiln_plugin_api* a, kiln_registry* r)"
                       ' { const kiln_op op = {sizeof op, "m", "X", 1, "X:T -> Y:T", "a:ints=[1", "T=f32", 0, 0, run};'
                       " return a->add_op(r, &op); }", "schema text")):
        source = tmp_path / f"{name}.c"
        source.write_text(text + "\n")
        with pytest.raises(kiln.Error, match=message):
            kiln.load_plugin(compile_plugin(source, tmp_path, "-Wno-pedantic"))


def test_the_drop_in_loads_plugins(plugin):
    options = kiln.onnxruntime.SessionOptions()
    options.register_custom_ops_library(os.fspath(plugin))
    session = kiln.onnxruntime.InferenceSession(network("Scale", "mine.c", factor=1.0), options)
    assert (session.run(None, {"x": X})[0] == 2 * X).all()


def test_the_program_loads_plugins(plugin, tmp_path):
    program = os.environ.get("KILN_CLI")
    if not program:
        pytest.skip("KILN_CLI names no program")
    model = tmp_path / "scale.onnx"
    model.write_bytes(network("Scale", "mine.c", factor=1.0))
    command = [program, "run", str(model), "--input", "x=random:2x3"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1 and "domain 'mine.c' has no operator 'Scale'" in refused.stderr
    assert subprocess.run([program, "--plugin", plugin, *command[1:]], capture_output=True).returncode == 0
    checked = [subprocess.run([program, *first, "check", str(model)], capture_output=True, text=True).stdout
               for first in ([], ["--plugin", plugin])]
    assert "unknown-operator" in checked[0] and "unknown-" not in checked[1] and "opset-domain" not in checked[1]
