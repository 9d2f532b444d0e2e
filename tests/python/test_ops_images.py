"""Pooling, resizing, sampling, regions and pictures, where ONNX's cases leave something out."""
import io

import numpy as np
import pytest
from PIL import Image

import kiln
from one_node import run_node

FLOAT = np.float32
PLANE = np.arange(16, dtype=FLOAT).reshape(1, 1, 4, 4)


def ints(*numbers):
    return np.array(numbers, dtype=np.int64)


def floats(*numbers):
    return np.array(numbers, dtype=FLOAT)


def test_indices_of_max_pool_by_columns():
    y, indices = run_node("MaxPool", 8, [PLANE], outputs=2, kernel_shape=[2, 2], strides=[2, 2], storage_order=1)
    np.testing.assert_array_equal(indices.ravel(), [5, 13, 7, 15])
    np.testing.assert_array_equal(y.ravel(), [5, 7, 13, 15])


def test_max_pool_skips_nan():
    x = PLANE.copy()
    x[0, 0, 0, 0] = np.nan
    [y] = run_node("MaxPool", 22, [x], kernel_shape=[2, 2])
    assert y[0, 0, 0, 0] == 5


@pytest.mark.parametrize("opset, extent", [(10, 4), (19, 4), (22, 3)])
def test_windows_that_start_in_the_padding_are_dropped_since_version_22(opset, extent):
    x = np.ones((1, 1, 5), FLOAT)
    [y] = run_node("AveragePool", opset, [x], kernel_shape=[1], strides=[2], pads=[0, 1], ceil_mode=1)
    assert y.shape == (1, 1, extent)


def test_padding_counts_only_when_asked():
    x = np.ones((1, 1, 2, 2), FLOAT)
    [without] = run_node("AveragePool", 7, [x], kernel_shape=[2, 2], pads=[1, 1, 1, 1])
    [counted] = run_node("AveragePool", 7, [x], kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
    assert without[0, 0, 0, 0] == 1 and counted[0, 0, 0, 0] == 0.25


def test_first_lp_pools_take_fractional_p():
    x = np.ones((1, 1, 4), FLOAT)
    [y] = run_node("LpPool", 1, [x], kernel_shape=[2], p=1.5)
    [z] = run_node("GlobalLpPool", 1, [x], p=1.5)
    np.testing.assert_allclose(y.ravel(), [2 ** (1 / 1.5)] * 3, rtol=1e-6)
    np.testing.assert_allclose(z.ravel(), [4 ** (1 / 1.5)], rtol=1e-6)


@pytest.mark.parametrize("attributes", [
    {"kernel_shape": [5, 5]}, {"kernel_shape": [2]}, {"kernel_shape": [0, 1]},
    {"kernel_shape": [2, 2], "pads": [0, 0, 0]}, {"kernel_shape": [2, 2], "strides": [0, 1]},
])
def test_pools_refuse(attributes):
    for op in ("MaxPool", "AveragePool", "LpPool"):
        with pytest.raises(kiln.Error):
            run_node(op, 22, [PLANE], **attributes)


def test_unpooling_refuses_an_index_outside():
    for index in (-1, 16, 2**62):
        with pytest.raises(kiln.Error):
            run_node("MaxUnpool", 11, [np.ones((1, 1, 1, 1), FLOAT), np.full((1, 1, 1, 1), index)], kernel_shape=[4, 4])


def test_first_upsample_states_its_scales_in_attributes():
    x = PLANE[:, :, :2, :2]
    [y] = run_node("Upsample", 1, [x], height_scale=2.0, width_scale=1.0)
    np.testing.assert_array_equal(y[0, 0], np.repeat(x[0, 0], 2, 0))
    [z] = run_node("Upsample", 1, [x], height_scale=1.0, width_scale=2.0, mode="bilinear")
    np.testing.assert_allclose(z[0, 0, 0], [0, 0.5, 1, 1])
    [w] = run_node("Upsample", 7, [x], scales=[1.0, 1.0, 1.0, 3.0])
    np.testing.assert_array_equal(w[0, 0], np.repeat(x[0, 0], 3, 1))


def test_resize_10_maps_without_half_pixels():
    x = np.arange(8, dtype=FLOAT).reshape(1, 1, 2, 4)
    [y] = run_node("Resize", 10, [x, floats(1, 1, 0.6, 0.6)])
    np.testing.assert_array_equal(y.ravel(), [0, 2])
    [z] = run_node("Resize", 10, [x, floats(1, 1, 0.6, 0.6)], mode="linear")
    np.testing.assert_allclose(z.ravel(), [0, 5 / 3], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, bool, np.complex64, object])
def test_any_elements_resize_by_the_nearest(dtype):
    x = np.array([[0, 1], [1, 0]]).astype(dtype) if dtype is not object else np.array([["a", "b"], ["c", ""]], object)
    [y] = run_node("Resize", 19, [x, None, floats(2, 1)])
    np.testing.assert_array_equal(y, np.repeat(x, 2, 0))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_integers_resize_rounded_and_saturated(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    x = np.array([low, low, low, low, 100, 100, 100, 100], dtype)
    [y] = run_node("Resize", 19, [x, None, floats(3)], mode="cubic")
    assert y.min() == low and y.max() <= high


def test_resize_refuses():
    x = PLANE
    for inputs, attributes in [
        ([x, None, floats(1, 1, 0, 1)], {}), ([x, None, floats(1, 1, np.nan, 1)], {}),
        ([x, None, floats(1, 1, 1e30, 1)], {}),
        ([x, None, floats(1, 1)], {}), ([x, None, None, ints(1, 1, -1, 2)], {}), ([x, None, None, None], {}),
        ([x, None, floats(1, 1, 1, 1), ints(1, 1, 4, 4)], {}), ([x, None, floats(2, 2)], {"axes": [2, 2]}),
        ([x, None, floats(2, 2)], {"axes": [2, 4]}), ([x, None, floats(1, 1, 2, 2)], {"mode": "quintic"}),
        ([x, None, floats(1, 1, 2, 2)], {"coordinate_transformation_mode": "tf_crop_and_resize"}),
        ([x, None, floats(1, 1, 2, 2)], {"coordinate_transformation_mode": "tf_half_pixel_for_nn"}),
    ]:
        with pytest.raises(kiln.Error):
            run_node("Resize", 19, inputs, **attributes)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_grid_points_far_away_and_not_a_number(padding, mode):
    grid = floats(np.nan, 1e38, np.inf, -np.inf, -1e30, 0, 3, -3).reshape(1, 1, 4, 2)
    [y] = run_node("GridSample", 20, [PLANE, grid], mode=mode, padding_mode=padding)
    assert np.isfinite(y).all() and (np.abs(y) < 30).all()


def test_regions_must_be_of_an_image():
    box = floats(0, 0, 2, 2).reshape(1, 4)
    for image in (-1, 1, 2**62):
        with pytest.raises(kiln.Error):
            run_node("RoiAlign", 16, [PLANE, box, ints(image)])
        with pytest.raises(kiln.Error):
            run_node("MaxRoiPool", 1, [PLANE, floats(image, 0, 0, 2, 2).reshape(1, 5)], pooled_shape=[1, 1])


def convolved_regions(dtype):
    """A model that aligns regions of what a convolution makes: of f64 the reference code does all of it."""
    b = kiln.GraphBuilder()
    weight = np.random.default_rng(1).standard_normal((20, 3, 3, 3)).astype(dtype)
    x, regions = b.input("x", dtype, (2, 3, "h", "w")), b.input("r", dtype, ("n", 4))
    images = b.input("i", "int64", ("n",))
    features = b.op("Conv", x, weight, strides=[2, 2])
    b.output(b.op("RoiAlign", features, regions, images, output_height=3, output_width=4, spatial_scale=0.5), "y")
    return kiln.Session(b)


def test_regions_of_what_a_convolution_makes():
    rng = np.random.default_rng(2)
    fast, reference = convolved_regions("float32"), convolved_regions("float64")
    for count in (5, 0, 70):
        x = rng.standard_normal((2, 3, 31, 40)).astype(FLOAT)
        regions, images = rng.uniform(-5, 45, (count, 4)).astype(FLOAT), rng.integers(0, 2, count)
        y = fast.run({"x": x, "r": regions, "i": images})["y"]
        want = reference.run({"x": x.astype("float64"), "r": regions.astype("float64"), "i": images})["y"]
        assert y.shape == (count, 20, 3, 4)
        np.testing.assert_allclose(y, want, rtol=1e-4, atol=1e-4)
    with pytest.raises(kiln.Error, match="region 69 is of image 2, but there are 2"):
        fast.run({"x": x, "r": regions, "i": np.append(images[:-1], 2)})


def test_huge_regions_take_no_time():
    box = floats(-1e30, -1e9, 1e30, 1e9).reshape(1, 4)
    [y] = run_node("RoiAlign", 16, [PLANE, box, ints(0)], output_height=2, output_width=2)
    assert y.shape == (1, 1, 2, 2)


def test_scores_that_are_no_numbers_come_last():
    boxes = np.array([[[0, 0, 1, 1], [2, 2, 3, 3], [4, 4, 5, 5]]], FLOAT)
    scores = floats(np.nan, 0.5, np.nan).reshape(1, 1, 3)
    [kept] = run_node("NonMaxSuppression", 11, [boxes, scores, ints(3)])
    np.testing.assert_array_equal(kept[:, 2], [1, 0, 2])


def encoded(image, file_format, **options):
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return np.frombuffer(file.getvalue(), np.uint8)


def picture(mode):
    rows, columns = np.mgrid[:37, :53]
    channels = [(np.sin(rows / 7 + k) * 60 + np.cos(columns / 5 + k) * 60 + 128).astype(np.uint8) for k in range(3)]
    image = Image.fromarray(np.stack(channels, -1))
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.fromarray(channels[2]))
    return image.convert(mode)


@pytest.mark.parametrize("mode, file_format, options", [
    ("RGB", "JPEG", {"subsampling": 0}), ("RGB", "JPEG", {"subsampling": 1}), ("RGB", "JPEG", {"progressive": True}),
    ("L", "JPEG", {}), ("CMYK", "JPEG", {}),
    ("RGB", "PNG", {}), ("L", "PNG", {}), ("P", "PNG", {}), ("1", "PNG", {}), ("RGBA", "PNG", {}), ("LA", "PNG", {}),
    ("RGB", "BMP", {}), ("L", "BMP", {}), ("P", "BMP", {}), ("1", "BMP", {}), ("RGBA", "BMP", {}),
    ("RGB", "TIFF", {}), ("RGB", "TIFF", {"compression": "tiff_lzw"}), ("RGBA", "TIFF", {}), ("P", "TIFF", {}),
    ("1", "TIFF", {}), ("RGB", "WEBP", {}), ("RGB", "WEBP", {"lossless": True}),
    ("RGB", "JPEG2000", {}), ("L", "JPEG2000", {"no_jp2": True}),
    ("RGB", "PPM", {}), ("L", "PPM", {}), ("1", "PPM", {}),
])
def test_pictures_decode_as_pillow_decodes_them(mode, file_format, options):
    stream = encoded(picture(mode), file_format, **options)
    expected = np.asarray(Image.open(io.BytesIO(stream.tobytes())).convert("RGB"))
    [rgb] = run_node("ImageDecoder", 20, [stream])
    [bgr] = run_node("ImageDecoder", 20, [stream], pixel_format="BGR")
    np.testing.assert_array_equal(rgb, expected)
    np.testing.assert_array_equal(bgr, expected[:, :, ::-1])


def test_pnm_as_text_and_with_16_bits():
    for stream, expected in [(b"P2 # gray\n2 1\n99\n0 99\n", [0, 255]), (b"P1\n3 1\n101", [0, 255, 0]),
                             (b"P5 2 1 65535\n\x00\x00\xff\xff", [0, 255])]:
        [y] = run_node("ImageDecoder", 20, [np.frombuffer(stream, np.uint8)], pixel_format="Grayscale")
        assert y.ravel().tolist() == expected


def test_damaged_pictures_are_empty_or_refused_when_they_claim_to_be_huge():
    random = np.random.default_rng(0)
    files = [encoded(picture("RGB"), name) for name in ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "JPEG2000", "PPM")]
    for turn in range(210):
        stream = files[turn % len(files)].copy()
        stream[random.integers(0, len(stream), 6)] = random.integers(0, 256, 6)
        stream = stream[: random.integers(1, len(stream) + 1)] if turn % 2 else stream
        try:
            [y] = run_node("ImageDecoder", 20, [np.ascontiguousarray(stream)])
            assert y.ndim == 3 and y.shape[2] == 3
        except kiln.Error as error:
            assert "larger than" in str(error)
