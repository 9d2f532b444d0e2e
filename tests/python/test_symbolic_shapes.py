"""Shapes that models compute from their inputs' shapes are known as expressions of the inputs' symbols."""
import os

os.environ.setdefault("KILN_VERIFY_SHAPES", "1")

import kiln.onnxruntime as ort
import numpy as np
import pytest
from onnx import parser


def output_shape(text, feeds=()):
    model = parser.parse_model(f'<ir_version: 10, opset_import: ["" : 21]>\n{text}')
    model.graph.output[0].ClearField("type")  # so that only inference can say it
    session = ort.InferenceSession(model.SerializeToString())
    for feed in feeds:
        session.run(None, feed)
    return session.get_outputs()[0].shape


def test_flatten_by_shape_gather_and_concat():
    shape = output_shape("""g (float[batch, c, h, w] x) => (float[a, b] y)
        <int64 zero = {0}, int64[1] axes = {0}, int64[1] rest = {-1}> {
          s = Shape(x)  n = Gather(s, zero)  n1 = Unsqueeze(n, axes)
          t = Concat<axis = 0>(n1, rest)  y = Reshape(x, t) }""",
                         [{"x": np.zeros((2, 3, 4, 5), np.float32)}])
    assert shape == ["batch", "c*h*w"]


def test_splitting_heads():
    shape = output_shape("""g (float[batch, seq, 768] x) => (float[a, b, c, d] y) <int64[2] heads = {12, 64}> {
          lead = Shape<start = 0, end = 2>(x)  t = Concat<axis = 0>(lead, heads)
          r = Reshape(x, t)  y = Transpose<perm = [0, 2, 1, 3]>(r) }""",
                         [{"x": np.zeros((2, 7, 768), np.float32)}])
    assert shape == ["batch", 12, "seq", 64]


def test_joining_heads_with_zero_and_minus_one():
    assert output_shape("""g (float[batch, seq, 12, 64] x) => (float[a, b, c] y) <int64[3] t = {0, 0, -1}> {
          y = Reshape(x, t) }""") == ["batch", "seq", 768]
    assert output_shape("""g (float[batch, seq, 12, 64] x) => (float[a, b] y) <int64[2] t = {-1, 768}> {
          y = Reshape(x, t) }""") == ["batch*seq", 768]


@pytest.mark.parametrize("start, end, step, expected", [
    (0, 2**31 - 1, 1, "n"), (0, -1, 1, "max(n-1,0)"), (2, 2**63 - 1, 1, "max(n-2,0)"), (0, 2**31 - 1, 2, "ceil(n/2)"),
    (-1, -2**31, -1, "n"), (-3, 2**31 - 1, 1, "min(n,3)"), (0, 5, 1, "min(n,5)")])
def test_slices(start, end, step, expected):
    text = """g (float[n] x) => (float[m] y)
        <int64[1] s = {%d}, int64[1] e = {%d}, int64[1] a = {0}, int64[1] p = {%d}> {
          y = Slice(x, s, e, a, p) }""" % (start, end, step)
    feeds = [{"x": np.zeros(n, np.float32)} for n in (0, 1, 2, 3, 7)]
    [found] = output_shape(text, feeds)
    names = {"max": max, "min": min, "ceil": lambda v: int(np.ceil(v)), "floor": lambda v: int(np.floor(v))}
    for n in (0, 1, 2, 3, 7):
        assert eval(str(found), names, {"n": n}) == eval(expected, names, {"n": n}), found


def test_slice_of_a_shape():
    shape = output_shape("""g (float[n, c, h, w] x, float[c2] z) => (float[a, b] y)
        <int64[1] s = {2}, int64[1] e = {4}, int64[1] a = {0}> {
          all = Shape(x)  hw = Slice(all, s, e, a)  y = Expand(z, hw) }""")
    assert shape[0] == "h"


def test_sizes_of_joined_split_and_padded_axes():
    assert output_shape("""g (float[n, k] x, float[n, m] z) => (float[a, b] y) { y = Concat<axis = 1>(x, z) }""") == \
        ["n", "k+m"]
    assert output_shape("""g (float[n, k] x) => (float[a, b] y) <int64[4] p = {0, 1, 0, 2}> { y = Pad(x, p) }""") == \
        ["n", "k+3"]
    assert output_shape("""g (float[2, k] x) => (float[a, b] y) <int64[2] r = {1, 3}> { y = Tile(x, r) }""") == \
        [2, "3*k"]
    first = output_shape("""g (float[n, k] x) => (float[a, b] y) { y, z = Split<axis = 1, num_outputs = 2>(x) }""",
                         [{"x": np.zeros((2, k), np.float32)} for k in (0, 1, 4, 5)])
    assert first[0] == "n" and isinstance(first[1], str)


def test_the_number_of_elements():
    shape = output_shape("""g (float[n, 3, w] x, float[1] one) => (float[a] y) <int64[1] a = {0}> {
          s = Size(x)  t = Unsqueeze(s, a)  y = Expand(one, t) }""", [{"x": np.zeros((2, 3, 4), np.float32),
                                                                      "one": np.ones(1, np.float32)}])
    assert shape == ["3*n*w"]


def test_spectra():
    assert output_shape("""g (float[b, n, 1] x) => (float[p, q, r] y) { y = DFT<onesided = 1>(x) }""",
                        [{"x": np.ones((1, n, 1), np.float32)} for n in (1, 4, 5)])[::2] == ["b", 2]
