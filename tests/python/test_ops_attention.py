"""Attention operators: what must be refused, and rules that ONNX's own cases leave out."""
import kiln
import numpy as np
import pytest
from one_node import run_node
from onnx import TensorProto, helper

RNG = np.random.default_rng(2)


def random(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


Q, K, V = random(2, 4, 3, 8), random(2, 2, 5, 8), random(2, 2, 5, 6)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def plain(q, k, v, bias=0.0):
    k, v = (np.repeat(x, q.shape[1] // x.shape[1], axis=1) for x in (k, v))
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]) + bias) @ v


@pytest.mark.parametrize("opset", [23, 24, 25])
def test_heads_are_shared_in_groups(opset):
    (y,) = run_node("Attention", opset, [Q, K, V])
    np.testing.assert_allclose(y, plain(Q, K, V), rtol=1e-4, atol=1e-5)


def test_window_reaches_left_and_right():
    rows, columns = np.arange(3)[:, None], np.arange(5)[None]
    seen = (rows - columns <= 1) & (columns - rows <= 2)
    (y,) = run_node("Attention", 25, [Q, K, V], left_window_size=1, right_window_size=2)
    np.testing.assert_allclose(y, plain(Q, K, V, np.where(seen, 0, -np.inf)), rtol=1e-4, atol=1e-5)


def test_a_query_that_sees_nothing_gives_zeros():
    mask = np.ones((3, 5), bool)
    mask[1] = False
    y, weights = run_node("Attention", 25, [Q, K, V, mask], ["y", "", "", "weights"], qk_matmul_output_mode=3)
    assert not y[:, :, 1].any() and not weights[:, :, 1].any()
    assert np.isfinite(y).all() and np.isfinite(weights).all()


@pytest.mark.parametrize("length", [-(2**63), -1, 0, 3, 5, 2**63 - 1])
def test_any_number_of_valid_keys_is_safe(length):
    lengths = np.array([length, 5], np.int64)
    (y,) = run_node("Attention", 25, [Q, K, V, None, None, None, lengths], is_causal=1, left_window_size=2)
    assert np.isfinite(y).all()


def test_a_mask_may_be_short_from_version_24_on():
    mask = random(3, 4)
    bias = np.concatenate([mask, np.full((3, 1), -np.inf, np.float32)], axis=1)
    (y,) = run_node("Attention", 24, [Q, K, V, mask])
    np.testing.assert_allclose(y, plain(Q, K, V, bias), rtol=1e-4, atol=1e-5)
    with pytest.raises(kiln.Error, match="attn_mask"):
        run_node("Attention", 23, [Q, K, V, mask])


@pytest.mark.parametrize("inputs, attributes", [
    ([Q, K, V], {"q_num_heads": 4, "kv_num_heads": 2}),
    ([Q, K, V], {"softmax_precision": 7}),
    ([Q, K, V], {"qk_matmul_output_mode": 4}),
    ([Q, K, V], {"left_window_size": -2}),
    ([Q, K, V[:, :, :4]], {}),
    ([Q, K[:, :, :, :7], V], {}),
    ([Q[:, :3], K, V], {}),
    ([Q, K, V, random(2, 5)], {}),
    ([Q, K, V, None, random(2, 2, 3, 8)], {}),
    ([Q, K, V, None, random(2, 2, 3, 8), random(2, 2, 4, 6)], {}),
    ([Q, K, V, None, random(2, 2, 3, 8), random(2, 2, 3, 6), np.array([1, 2])], {}),
    ([Q, K, V, None, None, None, np.array([1, 2, 3])], {}),
    ([random(2, 3, 8), random(2, 3, 8), random(2, 3, 8)], {}),
    ([random(2, 3, 8), random(2, 3, 8), random(2, 3, 8)], {"q_num_heads": 3, "kv_num_heads": 1}),
    ([random(2, 3, 8), random(2, 3, 8), random(2, 3, 8)], {"q_num_heads": 0, "kv_num_heads": 0}),
])
def test_attention_refuses(inputs, attributes):
    with pytest.raises(kiln.Error):
        run_node("Attention", 25, inputs, **attributes)


def modifier(node, shape=("B", "H", "L", "S"), dtype=TensorProto.FLOAT):
    return helper.make_graph([node], "modifier", [helper.make_tensor_value_info("x", dtype, shape)],
                             [helper.make_empty_tensor_value_info("y")])


def test_flex_attention_with_modifiers():
    (y,) = run_node("FlexAttention", 1, [Q, K, V], domain="ai.onnx.preview",
                    score_mod=modifier(helper.make_node("Neg", ["x"], ["y"])),
                    prob_mod=modifier(helper.make_node("Add", ["x", "x"], ["y"])))
    np.testing.assert_allclose(y, 2 * plain(-Q, K, V), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("node", [
    helper.make_node("ReduceSum", ["x"], ["y"]),
    helper.make_node("Cast", ["x"], ["y"], to=TensorProto.DOUBLE),
])
def test_flex_attention_refuses_modifiers_that_change_the_type_or_shape(node):
    with pytest.raises(kiln.Error):
        run_node("FlexAttention", 1, [Q, K, V], domain="ai.onnx.preview", score_mod=modifier(node))


def test_rotary_embedding_checks_positions():
    cache = random(6, 4)
    positions = np.array([[0, 1, 5], [2, 2, 2]], np.int64)
    run_node("RotaryEmbedding", 23, [Q, cache, cache, positions])
    for position in (6, -7, 2**62):
        hostile = positions.copy()
        hostile[1, 2] = position
        with pytest.raises(kiln.Error, match="position"):
            run_node("RotaryEmbedding", 23, [Q, cache, cache, hostile])
    for dim in (3, 10, -2):
        with pytest.raises(kiln.Error):
            run_node("RotaryEmbedding", 23, [Q, cache, cache, positions], rotary_embedding_dim=dim)


def test_linear_attention_refuses():
    q, k, v, gate = random(2, 3, 8), random(2, 3, 4), random(2, 3, 6), random(2, 3, 2)
    heads = {"q_num_heads": 4, "kv_num_heads": 2}
    run_node("LinearAttention", 27, [q, k, v], 2, update_rule="linear", **heads)
    for inputs, attributes in [
        ([q, k, v], {**heads, "update_rule": "gated"}),
        ([q, k, v, None, gate], {**heads, "update_rule": "linear"}),
        ([q, k, v], {**heads, "update_rule": "quadratic"}),
        ([q, k, v], {"q_num_heads": 3, "kv_num_heads": 2, "update_rule": "linear"}),
        ([q, k, v], {"q_num_heads": 0, "kv_num_heads": 0, "update_rule": "linear"}),
        ([q, k, v, random(2, 2, 2, 2)], {**heads, "update_rule": "linear"}),
        ([q, k, v, None, random(2, 3, 3)], {**heads, "update_rule": "gated"}),
    ]:
        with pytest.raises(kiln.Error):
            run_node("LinearAttention", 27, inputs, 2, **attributes)
