"""Small models for versions of an operator that no conformance case reaches; their answers are worked out by hand."""
from __future__ import annotations

import collections

import numpy as np
from onnx import TensorProto, helper

from restamp import VersionCase, model_of

HAND_CASES: dict[tuple, list[VersionCase]] = collections.defaultdict(list)


def f32(*values):
    return np.array(values[0] if len(values) == 1 else values, np.float32)


def i64(*values):
    return np.array(values[0] if len(values) == 1 else values, np.int64)


def type_of(value):
    """The TypeProto that a value of Python has."""
    if isinstance(value, np.ndarray):
        return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
    if isinstance(value, dict):
        key, element = next(iter(value.items()))
        kinds = {str: TensorProto.STRING, int: TensorProto.INT64, float: TensorProto.FLOAT}
        return helper.make_map_type_proto(kinds[type(key)], helper.make_tensor_type_proto(kinds[type(element)], []))
    element = type_of(value[0])
    if element.HasField("tensor_type"):
        element.tensor_type.ClearField("shape")
    return helper.make_sequence_type_proto(element)


def ports(prefix, values):
    return [helper.make_value_info(f"{prefix}{i}", type_of(value))
            for i, value in enumerate(values) if value is not None]


def case(op, versions, inputs, outputs, domain="", types=None, **attributes):
    """Declares one case for each version. None in `inputs` is an input left out; `types` says an output's type."""
    names = ["" if value is None else f"in{i}" for i, value in enumerate(inputs)]
    results = [f"out{i}" for i in range(len(outputs))]
    for version in versions:
        node = helper.make_node(op, names, results, domain=domain, **attributes)
        shown = [helper.make_value_info(name, kind) for name, kind in zip(results, types)] if types else \
            ports("out", outputs)
        model = model_of(node, version, ports("in", inputs), shown)
        given = [value for value in inputs if value is not None]
        HAND_CASES[domain, op, version].append(VersionCase(f"hand {op}-{version}", model, given, outputs))


def declare_broadcasts():
    x = f32(np.arange(1, 13)).reshape(2, 3, 2)
    y = f32(1, 2, 4)
    along = y.reshape(1, 3, 1)
    for op, rule in (("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply), ("Div", np.divide)):
        case(op, (1, 6), [x, y], [rule(x, along)], broadcast=1, axis=1)
        case(op, (1, 6), [x, f32(1, 2)], [rule(x, f32(1, 2))], broadcast=1)
    case("Pow", (1,), [x, y], [x ** along], broadcast=1, axis=1)
    for op, rule in (("Greater", np.greater), ("Less", np.less)):
        case(op, (1,), [x, y], [rule(x, along)], broadcast=1, axis=1)
    case("Equal", (1,), [x.astype(np.int32), y.astype(np.int32)], [x == along], broadcast=1, axis=1)
    truth = np.array([[True, False], [True, True]])
    for op, expected in (("And", [[True, False], [False, False]]), ("Or", [[True, True], [True, True]]),
                         ("Xor", [[False, True], [True, True]])):
        right = np.array([True, False])
        case(op, (1,), [truth, right], [np.array(expected)], broadcast=1, axis=0)


def declare_normalisations():
    x = f32([[[[1, 3]], [[2, 6]]]])  # 1 x 2 x 1 x 2
    scale, bias, mean, variance = f32(1, 2), f32(0, 1), f32(2, 4), f32(1, 4)
    shown = [x, scale, bias, mean, variance]
    tested = [f32([[[[-1, 1]], [[-1, 3]]]])]
    case("BatchNormalization", (1,), shown, tested, consumed_inputs=[0, 0, 0, 1, 1], is_test=1, epsilon=0.0)
    case("BatchNormalization", (6,), shown, tested, is_test=1, epsilon=0.0)
    case("BatchNormalization", (7, 9, 14, 15), shown, tested, epsilon=0.0)
    # Each position of the feature map has its own statistics when `spatial` is 0.
    each = [f32(v).reshape(2, 1, 2) for v in ([1, 1, 2, 2], [0, 1, 0, 1], [0, 1, 2, 3], [1, 4, 1, 9])]
    apart = [f32([[[[1, 2]], [[0, 3]]]])]
    case("BatchNormalization", (1,), [x, *each], apart, consumed_inputs=[0] * 5, is_test=1, epsilon=0.0, spatial=0)
    case("BatchNormalization", (6,), [x, *each], apart, is_test=1, epsilon=0.0, spatial=0)
    case("BatchNormalization", (7,), [x, *each], apart, epsilon=0.0, spatial=0)
    # Training: normalised by the batch's own mean (2 and 4) and variance (1 and 4); the running ones move by a half.
    moved = [tested[0], f32(2, 4), f32(1, 4)]
    case("BatchNormalization", (14, 15), [x, scale, bias, f32(0, 0), f32(3, 2)], [moved[0], f32(1, 2), f32(2, 3)],
         epsilon=0.0, momentum=0.5, training_mode=1)
    case("BatchNormalization", (6,), [x, scale, bias, f32(0, 0), f32(3, 2)], [tested[0]], epsilon=0.0)
    # One scale and bias for each group, not for each channel.
    groups = f32([[-1, 1], [-3, 3], [-1, 1], [-2, 2]]).reshape(1, 4, 2)
    first, second = np.sqrt(5.0), np.sqrt(2.5)
    expected = np.concatenate([groups[:, :2] / first, groups[:, 2:] / second * 2 + 1], axis=1)
    case("GroupNormalization", (18,), [groups, f32(1, 2), f32(0, 1)], [expected.astype(np.float32)], num_groups=2,
         epsilon=0.0)


def declare_flattening_softmax():
    x = f32(np.linspace(-1, 2, 12)).reshape(2, 3, 2)
    exponentials = np.exp(x.astype(np.float64))
    whole = exponentials.sum(axis=(1, 2), keepdims=True)
    hot = np.zeros_like(x)
    hot[:, 2, 1] = 1
    for axis in ({}, {"axis": 1}):  # axis 1 is the default
        case("Softmax", (1, 11), [x], [(exponentials / whole).astype(np.float32)], **axis)
        case("LogSoftmax", (1, 11), [x], [np.log(exponentials / whole).astype(np.float32)], **axis)
        case("Hardmax", (1, 11), [x], [hot], **axis)


def declare_attributes_that_became_inputs():
    x = f32([[1, 2, 3], [4, 5, 6]])
    case("Reshape", (1,), [x], [x.reshape(3, 2)], shape=[3, -1])
    case("Reshape", (1,), [x], [x.reshape(2, 3, 1)], shape=[0, 0, 1], consumed_inputs=[0])
    case("Slice", (1,), [x], [x[:, 1:]], starts=[1], ends=[1000], axes=[1])
    case("Slice", (1,), [x], [x[:1, :2]], starts=[0, -3], ends=[1, -1])
    case("Split", (1, 2), [x], [x[:, :1], x[:, 1:]], axis=1, split=[1, 2])
    case("Split", (2, 11), [x], [x[:1], x[1:]])
    case("Split", (1,), [x, f32(1, 2)], [x[:, :1], x[:, 1:]], axis=1)
    case("Squeeze", (1, 11), [x.reshape(1, 2, 1, 3)], [x])
    case("Squeeze", (1,), [x.reshape(1, 2, 1, 3)], [x.reshape(1, 2, 3)], axes=[2])
    case("Unsqueeze", (1,), [x], [x.reshape(1, 2, 1, 3)], axes=[0, 2])
    padded = f32([[9, 9, 9, 9], [1, 2, 3, 9], [4, 5, 6, 9]])
    case("Pad", (1,), [x], [padded], paddings=[1, 0, 0, 1], value=9.0)
    case("Pad", (2,), [x], [padded], pads=[1, 0, 0, 1], value=9.0)
    case("Pad", (2,), [x], [x[:, 1:]], pads=[0, -1, 0, 0])
    case("TopK", (1,), [x], [x[:, :0:-1], i64([[2, 1], [2, 1]])], k=2)
    case("TopK", (10,), [x, i64([1])], [x[1:], i64([[1, 1, 1]])], axis=0)
    clipped = f32([[2, 2, 3], [4, 4, 4]])
    case("Clip", (1,), [x], [clipped], min=2.0, max=4.0, consumed_inputs=[0])
    case("Clip", (6,), [x], [clipped], min=2.0, max=4.0)
    case("Clip", (6,), [x], [x])
    case("Cast", (1,), [f32(1.7, -1.7, 0)], [np.array([1, -1, 0], np.int32)], to="INT32")
    case("Cast", (6,), [f32(1.7, -1.7, 0)], [np.array([True, True, False])], to=TensorProto.BOOL)
    case("Cast", (9,), [np.array(["1.5", "-2"], object)], [f32(1.5, -2)], to=TensorProto.FLOAT)
    case("Tile", (1,), [x, f32([2]), f32([1])], [np.concatenate([x, x], axis=1)])
    case("Concat", (1,), [x, x], [np.concatenate([x, x], axis=1)])
    case("Dropout", (1, 6), [x], [x], is_test=1)
    case("Dropout", (7,), [x], [x, np.ones_like(x)], ratio=0.3)
    case("Dropout", (10,), [x], [x, np.ones_like(x, bool)], ratio=0.3)
    case("Dropout", (12, 13, 22), [x, f32(0.3)], [x, np.ones_like(x, bool)])
    case("Constant", (1,), [], [x], value=helper.make_tensor("t", TensorProto.FLOAT, [2, 3], x.ravel()))
    case("Constant", (12,), [], [i64(3, 4)], value_ints=[3, 4])
    case("Constant", (12,), [], [np.array(["a", "b"], object)], value_strings=["a", "b"])


def declare_gemm():
    a, b = f32([[1, 2], [3, 4]]), f32([[1, 0], [1, 1]])
    product = f32([[3, 2], [7, 4]])
    for versions, old in (((1, 6), {"broadcast": 1}), ((7, 9, 11, 13), {})):
        case("Gemm", versions, [a, b, f32(10, 20)], [product + f32(10, 20)], **old)
        case("Gemm", versions, [a, b, f32([[10], [20]])], [2 * product + f32([[5], [10]])], alpha=2.0, beta=0.5, **old)
    case("Gemm", (1, 6), [a, b, product], [f32([[4, 3], [6, 4]]) + product], transA=1)


def declare_pooling():
    x = f32([[[[3, 4], [0, 0]], [[-6, 8], [0, 0]]]])
    norms = f32([[[[5]], [[10]]]])
    case("GlobalLpPool", (1,), [x], [norms], p=2.0)
    case("GlobalLpPool", (1,), [x], [f32([[[[7]], [[14]]]])], p=1.0)
    case("GlobalLpPool", (2, 22), [x], [norms])
    case("GlobalLpPool", (2, 22), [x], [f32([[[[7]], [[14]]]])], p=1)
    case("LpPool", (1,), [x], [f32([[[[5], [0]], [[10], [0]]]])], kernel_shape=[1, 2], p=2.0)
    image = f32(np.arange(16)).reshape(1, 1, 4, 4)
    rois = f32([[0, 0, 0, 3, 3], [0, 2, 2, 3, 3]])
    case("MaxRoiPool", (1, 22), [image, rois], [f32([[[[5, 7], [13, 15]]], [[[10, 11], [14, 15]]]])],
         pooled_shape=[2, 2])
    case("AveragePool", (1, 7), [f32([[[[1, 3]]]])], [f32([[[[1, 2, 3]]]])], kernel_shape=[1, 2], pads=[0, 1, 0, 1])


def declare_resizing():
    x = f32([[[[1, 2], [3, 4]]]])
    doubled = f32([[[[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]]])
    case("Upsample", (1,), [x], [doubled], height_scale=2.0, width_scale=2.0)
    case("Upsample", (7,), [x], [doubled], scales=[1.0, 1.0, 2.0, 2.0])
    scales = f32(1, 1, 2, 2)
    case("Upsample", (9,), [x, scales], [doubled])
    case("Resize", (10,), [x, scales], [doubled])
    # Bilinear with output index / scale as the input's coordinate, held at the border.
    linear = f32([[[[1, 1.5, 2, 2], [2, 2.5, 3, 3], [3, 3.5, 4, 4], [3, 3.5, 4, 4]]]])
    case("Upsample", (1,), [x], [linear], height_scale=2.0, width_scale=2.0, mode="bilinear")
    case("Upsample", (7,), [x], [linear], scales=[1.0, 1.0, 2.0, 2.0], mode="linear")
    case("Upsample", (9,), [x, scales], [linear], mode="linear")
    case("Resize", (10,), [x, scales], [linear], mode="linear")
    case("Resize", (11, 13), [x, f32([]), scales], [linear], mode="linear", coordinate_transformation_mode="asymmetric")
    case("Resize", (11, 13), [x, f32([]), f32([]), i64(1, 1, 4, 4)], [doubled])
    half = [1, 1.25, 1.75, 2]
    pixels = f32([[[[a + b for a in half] for b in (0, 0.5, 1.5, 2)]]])
    case("Resize", (11, 13, 18, 19), [x, f32([]), scales], [pixels], mode="linear")
    # Shrinking takes the next element, not the nearest.
    case("Resize", (10,), [f32([1, 2, 3, 4, 5]), f32([0.6])], [f32(1, 3, 5)])


def declare_random():
    """Distributions that have one outcome only; tests/python holds the others to their moments."""
    twos = np.full((2, 3), 2, np.float32)
    for versions in ((1, 22),):
        case("RandomNormal", versions, [], [twos], shape=[2, 3], mean=2.0, scale=0.0)
        case("RandomUniform", versions, [], [twos], shape=[2, 3], low=2.0, high=2.0)
        case("RandomNormalLike", versions, [np.zeros((2, 3), np.int32)], [twos.astype(np.float64)], mean=2.0, scale=0.0,
             dtype=TensorProto.DOUBLE)
        case("RandomUniformLike", versions, [np.zeros((2, 3), np.float32)], [twos], low=2.0, high=2.0)
    never = np.float32(-np.inf)
    logits = f32([[never, 0, never], [0, never, never]])
    for version, dtype in ((7, np.int32), (22, np.int64)):
        case("Multinomial", (version,), [logits], [np.array([[1, 1, 1], [0, 0, 0]], dtype)], sample_size=3,
             dtype=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
    sure = f32([[1, 0], [0, 1]])
    case("Bernoulli", (15, 22), [sure], [sure])
    case("Bernoulli", (15, 22), [sure], [sure.astype(bool)], dtype=TensorProto.BOOL)


def declare_others():
    on_off = np.array([5, 7], np.float32)
    case("OneHot", (9,), [i64(0, 2, -1), i64(3), on_off], [f32([[7, 5, 5], [5, 5, 7], [5, 5, 5]])])
    case("OneHot", (11, 28), [i64(0, -1), i64(3), on_off], [f32([[7, 5, 5], [5, 5, 7]])])
    boxes = f32([[[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 2, 3, 3]]])
    scores = f32([[[0.9, 0.8, 0.7]]])
    case("NonMaxSuppression", (10, 11), [boxes, scores, i64(5), f32(0.5), f32(0.1)], [i64([[0, 0, 0], [0, 0, 2]])])
    case("Scatter", (9,), [np.zeros((2, 2), np.float32), i64([[1, 0]]), f32([[3, 4]])], [f32([[0, 4], [3, 0]])], axis=0)
    case("MatMul", (1, 9), [f32([[1, 2]]), f32([[3], [4]])], [f32([[11]])])
    case("ReduceSum", (1, 11), [f32([[1, 2], [3, 4]])], [f32([[3], [7]])], axes=[1])
    case("ArgMax", (1, 11, 12), [f32([[1, 2], [3, 2]])], [i64([1, 0])], axis=1, keepdims=0)
    case("Sum", (1,), [f32(1, 2), f32(3, 4)], [f32(4, 6)], consumed_inputs=[0, 0])
    case("PRelu", (1,), [f32([[-1, 2], [-3, 4]]), f32([0.5])], [f32([[-0.5, 2], [-1.5, 4]])])
    case("PRelu", (6,), [f32([[-1, 2], [-3, -4]]), f32(0.5, 2)], [f32([[-0.5, 2], [-1.5, -8]])])


for _declare in (declare_broadcasts, declare_normalisations, declare_flattening_softmax,
                 declare_attributes_that_became_inputs, declare_gemm, declare_pooling, declare_resizing,
                 declare_random, declare_others):
    _declare()
