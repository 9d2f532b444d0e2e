"""Normalisations: the versions that ONNX has no cases for, and inputs that do not fit."""
import kiln
import numpy as np
import pytest
from one_node import run_node

RNG = np.random.default_rng(1)
X = RNG.standard_normal((2, 3, 2, 2)).astype(np.float32)
PARAMETERS = [RNG.uniform(0.5, 2, 3).astype(np.float32) for _ in range(4)]


def expected(x, scale, bias, mean, variance, shape=(1, -1, 1, 1)):
    scale, bias, mean, variance = (p.reshape(shape) for p in (scale, bias, mean, variance))
    return (x - mean) / np.sqrt(variance + 1e-5) * scale + bias


@pytest.mark.parametrize("opset, attributes", [
    (1, {"is_test": 1, "consumed_inputs": [0, 0, 0, 1, 1]}), (6, {"is_test": 1}), (7, {}), (9, {}), (14, {}), (15, {})])
def test_batch_normalization_inference(opset, attributes):
    (y,) = run_node("BatchNormalization", opset, [X, *PARAMETERS], **attributes)
    np.testing.assert_allclose(y, expected(X, *PARAMETERS), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("opset, attributes", [(6, {}), (7, {}), (9, {})])
def test_batch_normalization_trained_with_five_outputs(opset, attributes):
    mean, variance = X.mean(axis=(0, 2, 3)), X.var(axis=(0, 2, 3))
    outputs = run_node("BatchNormalization", opset, [X, *PARAMETERS], 5, momentum=0.75, **attributes)
    wanted = [expected(X, *PARAMETERS[:2], mean, variance), PARAMETERS[2] * 0.75 + mean * 0.25,
              PARAMETERS[3] * 0.75 + variance * 0.25, mean, variance]
    for got, want in zip(outputs, wanted):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_batch_normalization_by_feature():
    parameters = [RNG.uniform(0.5, 2, (3, 2, 2)).astype(np.float32) for _ in range(4)]
    (y,) = run_node("BatchNormalization", 7, [X, *parameters], spatial=0)
    np.testing.assert_allclose(y, expected(X, *parameters, shape=(1, 3, 2, 2)), rtol=1e-5, atol=1e-6)


def test_batch_normalization_of_a_list():
    x, one = np.array([1, 2, 3], np.float32), np.ones(1, np.float32)
    (y,) = run_node("BatchNormalization", 15, [x, one, one, one, one])
    np.testing.assert_allclose(y, expected(x, one, one, one, one, shape=-1), rtol=1e-5)


def test_batch_normalization_refuses():
    with pytest.raises(kiln.Error):
        run_node("BatchNormalization", 15, [X, PARAMETERS[0][:2], *PARAMETERS[1:]])
    with pytest.raises(kiln.Error, match="outputs"):
        run_node("BatchNormalization", 15, [X, *PARAMETERS], 3)
    with pytest.raises(kiln.Error, match="outputs"):
        run_node("BatchNormalization", 15, [X, *PARAMETERS], 1, training_mode=1)


def test_group_normalization_scaled_by_group_or_channel():
    x = RNG.standard_normal((2, 4, 3)).astype(np.float32)
    groups = x.reshape(2, 2, 6)
    standard = (groups - groups.mean(-1, keepdims=True)) / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)
    scale, bias = np.array([2, 3], np.float32), np.array([1, -1], np.float32)
    (old,) = run_node("GroupNormalization", 18, [x, scale, bias], num_groups=2)
    np.testing.assert_allclose(old, (standard * scale[:, None] + bias[:, None]).reshape(x.shape), rtol=1e-4, atol=1e-5)
    scale, bias = np.arange(4, dtype=np.float32), np.arange(4, 8, dtype=np.float32)
    (new,) = run_node("GroupNormalization", 21, [x, scale, bias], num_groups=2)
    wanted = standard.reshape(x.shape) * scale[:, None] + bias[:, None]
    np.testing.assert_allclose(new, wanted, rtol=1e-4, atol=1e-5)
    for groups in (3, 0, -2):
        with pytest.raises(kiln.Error):
            run_node("GroupNormalization", 21, [x, scale, bias], num_groups=groups)


def test_layer_normalization_stashes_in_the_type_asked_for():
    x, scale = X.astype(np.float16), np.ones(2, np.float16)
    y, mean, deviation = run_node("LayerNormalization", 17, [x, scale], 3)
    assert y.dtype == np.float16 and mean.dtype == deviation.dtype == np.float32
    assert mean.shape == deviation.shape == (2, 3, 2, 1)
    with pytest.raises(kiln.Error, match="stash_type"):
        run_node("LayerNormalization", 17, [x, scale], stash_type=6)
    with pytest.raises(kiln.Error, match="broadcast"):
        run_node("LayerNormalization", 17, [x, np.ones((2, 2, 3, 2, 2), np.float16)])


@pytest.mark.parametrize("order", [0, 3, -1])
def test_lp_normalization_refuses_other_orders(order):
    with pytest.raises(kiln.Error, match="p must be 1 or 2"):
        run_node("LpNormalization", 22, [X], p=order)


def test_zero_stays_zero_in_lp_normalization():
    (y,) = run_node("LpNormalization", 1, [np.array([[0, 0], [-3, 4]], np.float32)])
    np.testing.assert_allclose(y, [[0, 0], [-0.6, 0.8]], rtol=1e-6)


def test_lrn_refuses_a_size_of_nothing():
    with pytest.raises(kiln.Error, match="size"):
        run_node("LRN", 13, [X], size=0)
    (y,) = run_node("LRN", 1, [X], size=2**40)
    assert np.isfinite(y).all()


@pytest.mark.parametrize("op", ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"])
def test_labels_are_checked(op):
    scores = X[:, :, 0, 0]
    for label in (3, -1, 2**40):
        with pytest.raises(kiln.Error, match="label"):
            run_node(op, 13, [scores, np.array([0, label], np.int64)])
    run_node(op, 13, [scores, np.array([0, -1], np.int64)], ignore_index=-1)
    with pytest.raises(kiln.Error, match="reduction"):
        run_node(op, 13, [scores, np.array([0, 1], np.int64)], reduction="median")
    with pytest.raises(kiln.Error):
        run_node(op, 13, [scores, np.array([0, 1, 2], np.int64)])
