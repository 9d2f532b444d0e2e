#!/usr/bin/env python3
"""Writes the committed seeds of the fuzz targets, tests/fuzz/corpus/TARGET/: small conformance models, arrays, and
engines that the program `kiln` builds:

    KILN_CLI=build/kiln python tests/fuzz/make_seeds.py

The models' inputs become initialisers, so that a mutation of the bytes is a mutation of the data too.
"""
import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "conformance"))
import cases  # noqa: E402

LARGEST = 1500  # bytes of a seed
MOST = {"run_fuzz": 150, "check_fuzz": 60, "onnx_reader_fuzz": 40}


def closed(case):
    """The model with its inputs as initialisers; None where that is not possible."""
    model = onnx.ModelProto.FromString(case.load_model())
    inputs, _ = case.load_data_sets()[0]
    kept = []
    for port, value in zip(model.graph.input, inputs):
        if isinstance(value, (np.ndarray, np.generic)) and port.type.HasField("tensor_type"):
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), port.name))
        else:
            kept.append(port)
    del model.graph.input[:]
    model.graph.input.extend(kept)
    return model.SerializeToString()


def model_seeds():
    """One small model for each operator, control flow and functions included, in the order of the cases."""
    seen = set()
    for case in cases.all_cases():
        if case.kind != "node" or len(case.load_model()) > LARGEST:
            continue
        operators = frozenset(node.op_type for node in onnx.ModelProto.FromString(case.load_model()).graph.node)
        if operators <= seen:
            continue
        try:
            seed = closed(case)
        except (TypeError, ValueError):
            continue
        if len(seed) <= LARGEST:
            seen |= operators
            yield case.name, seed


def array_seeds():
    def npy(array):
        out = io.BytesIO()
        np.save(out, array)
        return out.getvalue()

    def npz(save, **arrays):
        out = io.BytesIO()
        save(out, **arrays)
        return out.getvalue()

    floats = np.arange(6, dtype=np.float32).reshape(2, 3)
    yield "npy_floats", b"\0" + npy(floats)
    yield "npy_fortran", b"\0" + npy(np.asfortranarray(floats.astype(">f8")))
    yield "npy_text", b"\0" + npy(np.array(["a", "bc", ""]))
    yield "npz_stored", b"\1" + npz(np.savez, a=floats, b=np.array([True, False]))
    yield "npz_deflated", b"\1" + npz(np.savez_compressed, a=np.zeros(300, np.int16))
    yield "pb_tensor", b"\2" + numpy_helper.from_array(floats, "x").SerializeToString()
    yield "pb_sequence", b"\3" + numpy_helper.from_list([np.array([1, 2]), np.array([3])], "s").SerializeToString()
    yield "pb_optional", b"\4" + numpy_helper.from_optional(np.array(["x"]), "o").SerializeToString()


def engine_seeds():
    """Engines with each kind of thing in their sections: packed weights, layouts, subgraphs, strings, several ISAs,
    several sizes."""
    from onnx import TensorProto, helper, parser

    def weights(name, *shape):
        count = int(np.prod(shape))
        return numpy_helper.from_array((np.arange(count, dtype=np.float32) % 7 / 8).reshape(shape), name)

    def model(text, *initializers):
        made = parser.parse_model('<ir_version: 10, opset_import: ["": 21]> ' + text)
        made.graph.initializer.extend(initializers)
        return made

    convolution = model(
        "g (float[1,4,8,8] x) => (float[1,4,4,4] y) { a = Conv<pads=[1,1,1,1]>(x, w) b = Relu(a) "
        "y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(b) }", weights("w", 4, 4, 3, 3))
    dense = model("g (float[n,6] x) => (float[n,5] y) { a = MatMul(x, w) b = Add(a, c) y = Softmax(b) }",
                  weights("w", 6, 5), weights("c", 5))
    recurrent = model("g (float[3,1,2] x) => (float[3,1,1,2] y) { y = LSTM<hidden_size=2>(x, w, r) }",
                      weights("w", 1, 8, 2), weights("r", 1, 8, 2))
    branches = model(
        "g (bool c, float[2] x) => (float[2] y) { y = If(c) <then_branch = t () => (float[2] p) { p = Neg(x) }, "
        "else_branch = e () => (float[2] q) { q = Exp(x) }> }")
    text = helper.make_model(helper.make_graph(
        [helper.make_node("StringConcat", ["s", "k"], ["y"])], "g",
        [helper.make_tensor_value_info("s", TensorProto.STRING, [2])],
        [helper.make_tensor_value_info("y", TensorProto.STRING, [2])],
        [numpy_helper.from_array(np.array(["a", "bcd"], dtype=object), "k")]),
        ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    sizes = model("g (float[n,4,h,h] x) => (float[n,8,i,j] y) { a = Conv<pads=[1,1,1,1]>(x, w) b = Relu(a) "
                  "y = Conv<pads=[1,1,1,1]>(b, v) }", weights("w", 16, 4, 3, 3), weights("v", 8, 16, 3, 3))
    sequel = model("g (float[2,3] x) => (float[n] y) { i = NonZero(x) t = Transpose<perm=[1,0]>(i) z = GatherND(x, t) "
                   "y = Neg(z) }")
    options = {"convolution": ["--isa", "avx2,avx512"], "dense": ["--strip"],
               "sizes": ["--profile", "x=1x4x2x2:1x4x32x32:8x4x256x256"]}
    models = {"convolution": convolution, "dense": dense, "recurrent": recurrent, "branches": branches, "text": text,
              "sizes": sizes, "sequel": sequel}
    with tempfile.TemporaryDirectory() as folder:
        for name, made in models.items():
            onnx.save(made, f"{folder}/{name}.onnx")
            subprocess.run([os.environ["KILN_CLI"], "build", f"{folder}/{name}.onnx", "-o", f"{folder}/{name}.kiln",
                            "--tune", "off", *options.get(name, [])], check=True, stdout=subprocess.DEVNULL)
            yield name, Path(f"{folder}/{name}.kiln").read_bytes()


def write(target, seeds):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds:
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    models = list(model_seeds())
    for target, most in MOST.items():
        write(target, models[::max(1, len(models) // most)][:most])
    write("array_fuzz", array_seeds())
    write("engine_fuzz", engine_seeds())
