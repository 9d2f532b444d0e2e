"""RNN, GRU and LSTM against a few lines of numpy: directions, lengths, layouts, activations; and what is refused."""
import kiln
import numpy as np
import pytest
from one_node import run_node

RNG = np.random.default_rng(3)
STEPS, BATCH, INPUT, HIDDEN = 4, 3, 2, 5
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def random(*shape):
    return RNG.uniform(-0.7, 0.7, shape).astype(np.float32)


def weights(op, directions=1):
    rows = GATES[op] * HIDDEN
    return [random(directions, rows, INPUT), random(directions, rows, HIDDEN), random(directions, 2 * rows)]


def rnn(x, w, r, b, f=np.tanh):
    h = np.zeros((x.shape[1], HIDDEN), np.float32)
    outputs = []
    for row in x:
        h = f(row @ w.T + h @ r.T + b[:HIDDEN] + b[HIDDEN:])
        outputs.append(h)
    return np.stack(outputs)


def test_each_sequence_is_reversed_within_its_length():
    x, (w, r, b), lengths = random(STEPS, BATCH, INPUT), weights("RNN", 2), np.array([4, 2, 1], np.int32)
    y, last = run_node("RNN", 14, [x, w, r, b, lengths], 2, hidden_size=HIDDEN, direction="bidirectional")
    for i, length in enumerate(lengths):
        part = x[:length, i:i + 1]
        forward, backward = rnn(part, w[0], r[0], b[0]), rnn(part[::-1], w[1], r[1], b[1])[::-1]
        np.testing.assert_allclose(y[:length, 0, i], forward[:, 0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(y[:length, 1, i], backward[:, 0], rtol=1e-4, atol=1e-6)
        assert not y[length:, :, i].any()
        np.testing.assert_allclose(last[0, i], forward[-1, 0], rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(last[1, i], backward[0, 0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("op", GATES)
def test_layouts_agree(op):
    x, parameters, state = random(STEPS, BATCH, INPUT), weights(op, 2), random(2, BATCH, HIDDEN)
    attributes = {"hidden_size": HIDDEN, "direction": "bidirectional"}
    y, last = run_node(op, 14, [x, *parameters, None, state], 2, **attributes)
    y1, last1 = run_node(op, 14, [x.swapaxes(0, 1).copy(), *parameters, None, state.swapaxes(0, 1).copy()], 2,
                         layout=1, **attributes)
    np.testing.assert_array_equal(y.transpose(2, 0, 1, 3), y1)
    np.testing.assert_array_equal(last.swapaxes(0, 1), last1)


@pytest.mark.parametrize("name, alpha, beta, f", [
    ("Relu", None, None, lambda x: np.maximum(x, 0)),
    ("Sigmoid", None, None, lambda x: 1 / (1 + np.exp(-x))),
    ("Affine", 0.5, 0.25, lambda x: 0.5 * x + 0.25),
    ("LeakyRelu", None, None, lambda x: np.where(x >= 0, x, 0.01 * x)),
    ("ThresholdedRelu", 0.1, None, lambda x: np.where(x >= 0.1, x, 0)),
    ("ScaledTanh", 0.5, 2.0, lambda x: 0.5 * np.tanh(2 * x)),
    ("HardSigmoid", None, None, lambda x: np.clip(0.2 * x + 0.5, 0, 1)),
    ("Elu", 0.5, None, lambda x: np.where(x >= 0, x, 0.5 * np.expm1(x))),
    ("Softsign", None, None, lambda x: x / (1 + np.abs(x))),
    ("Softplus", None, None, lambda x: np.log1p(np.exp(x))),
])
def test_activations(name, alpha, beta, f):
    x, (w, r, b) = random(STEPS, BATCH, INPUT), weights("RNN")
    attributes = {"activations": [name], "clip": 0.8}
    if alpha is not None:
        attributes["activation_alpha"] = [alpha]
    if beta is not None:
        attributes["activation_beta"] = [beta]
    (y,) = run_node("RNN", 7, [x, w, r, b], 1, hidden_size=HIDDEN, **attributes)
    wanted = rnn(x, w[0], r[0], b[0], lambda x: f(np.clip(x, -0.8, 0.8)))
    np.testing.assert_allclose(y[:, 0], wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("op, opset, attributes", [
    ("RNN", 1, {"output_sequence": 1}), ("LSTM", 1, {"output_sequence": 1}), ("GRU", 3, {"output_sequence": 1}),
    ("GRU", 1, {}), ("GRU", 1, {"direction": "forward"})])
def test_first_versions(op, opset, attributes):
    x, parameters = random(STEPS, BATCH, INPUT), weights(op)
    old = run_node(op, opset, [x, *parameters], 2, hidden_size=HIDDEN, **attributes)
    new = run_node(op, 14, [x, *parameters], 2, hidden_size=HIDDEN)
    for a, b in zip(old, new):
        np.testing.assert_array_equal(a, b)


def test_input_forget_ties_the_gates():
    x, (w, r, b) = random(STEPS, BATCH, INPUT), weights("LSTM")
    peepholes = random(1, 3 * HIDDEN)
    inputs = [x, w, r, b, None, None, None, peepholes]
    tied = run_node("LSTM", 14, inputs, 3, hidden_size=HIDDEN, input_forget=1)
    forget = slice(2 * HIDDEN, 3 * HIDDEN)
    for tensor in (w, r):  # f = 1 - sigmoid(a) = sigmoid(-a), whatever the forget gate's own weights were
        tensor[:, forget] = -tensor[:, :HIDDEN]
    for half in (0, 4 * HIDDEN):
        b[:, half + 2 * HIDDEN:half + 3 * HIDDEN] = -b[:, half:half + HIDDEN]
    peepholes[:, forget] = -peepholes[:, :HIDDEN]
    for a, c in zip(tied, run_node("LSTM", 14, inputs, 3, hidden_size=HIDDEN)):
        np.testing.assert_allclose(a, c, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("shape", [(0, BATCH, INPUT), (STEPS, 0, INPUT), (STEPS, BATCH, 0)])
def test_nothing_to_do(op, shape):
    parameters = weights(op)
    parameters[0] = random(1, GATES[op] * HIDDEN, shape[2])
    y, last = run_node(op, 22, [random(*shape), *parameters], 2, hidden_size=HIDDEN)
    assert y.shape == (shape[0], 1, shape[1], HIDDEN) and last.shape == (1, shape[1], HIDDEN)


@pytest.mark.parametrize("op", GATES)
def test_refused(op):
    x, (w, r, b) = random(STEPS, BATCH, INPUT), weights(op)
    for inputs, attributes in [
        ([x, w, r, b], {"hidden_size": HIDDEN + 1}),
        ([x, w, r, b], {"direction": "sideways"}),
        ([x, w, r, b], {"direction": "bidirectional"}),
        ([x, w, r, b], {"activations": ["Cube"] * 3}),
        ([x, w, r, b], {"clip": -1.0}),
        ([x, w, r, b], {"layout": 2}),
        ([x[:, :, :1], w, r, b], {}),
        ([x, w, r[:, :, :4], b], {}),
        ([x, w, r, b[:, :-1]], {}),
        ([x, w, r, b, np.array([1, 2, STEPS + 1], np.int32)], {}),
        ([x, w, r, b, np.array([1, 2, -1], np.int32)], {}),
        ([x, w, r, b, np.array([1, 2], np.int32)], {}),
        ([x, w, r, b, None, random(1, BATCH, HIDDEN + 1)], {}),
    ]:
        with pytest.raises(kiln.Error):
            run_node(op, 14, inputs, 2, **attributes)
