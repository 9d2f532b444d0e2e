"""Text and signal operators beyond ONNX's own cases."""
import numpy as np
import pytest

import kiln
from one_node import run_node


def strings(*texts):
    return np.array(texts, dtype=object)


def test_case_is_mapped_without_a_locale():
    x = strings("Besan\u00e7on", "\u00c9COLE", "\u041f\u043e\u043d\u044f", "Gr\u00f6\u00dfe",
                "\u03a3\u0399\u03a3", "\u4e2d", "\u01c4", "\u0131")
    [upper] = run_node("StringNormalizer", 10, [x], case_change_action="UPPER", locale="en_US")
    # One code point becomes one: the sharp s has no upper case of its own.
    assert upper.tolist() == ["BESAN\u00c7ON", "\u00c9COLE", "\u041f\u041e\u041d\u042f", "GR\u00d6\u00dfE",
                              "\u03a3\u0399\u03a3", "\u4e2d", "\u01c4", "I"]
    [lower] = run_node("StringNormalizer", 10, [x], case_change_action="LOWER")
    assert lower.tolist() == ["besan\u00e7on", "\u00e9cole", "\u043f\u043e\u043d\u044f", "gr\u00f6\u00dfe",
                              "\u03c3\u03b9\u03c3", "\u4e2d", "\u01c6", "\u0131"]


def test_stop_words_are_found_whatever_their_case():
    x = strings("\u00c9cole", "le", "LE")
    assert run_node("StringNormalizer", 10, [x], stopwords=["\u00c9COLE", "Le"])[0].tolist() == [""]
    [kept] = run_node("StringNormalizer", 10, [x], stopwords=["LE"], is_case_sensitive=1)
    assert kept.tolist() == ["\u00c9cole", "le"]
    with pytest.raises(kiln.Error, match="shape"):
        run_node("StringNormalizer", 10, [x.reshape(3, 1)])


@pytest.mark.parametrize("text, delimiter, maxsplit", [
    ("  a  b c ", None, None), ("  a  b c ", None, 0), ("  a  b c ", None, 1), ("a b ", None, 2), ("", None, None),
    ("a,b,,c", ",", None), ("a,b,,c", ",", 2), ("", ",", None), (",", ",", None), ("q\u2003r\u00a0s\x1ct", None, None),
    ("aXYbXYc", "XY", 1)])
def test_split_is_as_python_does_it(text, delimiter, maxsplit):
    attributes = {} if delimiter is None else {"delimiter": delimiter}
    if maxsplit is not None:
        attributes["maxsplit"] = maxsplit
    parts, counts = run_node("StringSplit", 20, [strings(text, "x")], outputs=2, **attributes)
    expected = text.split(delimiter, -1 if maxsplit is None else maxsplit)
    assert counts.tolist() == [len(expected), 1]
    assert parts[0, :len(expected)].tolist() == expected
    assert all(part == "" for part in parts[0, len(expected):])


def test_wrong_patterns_are_refused():
    assert run_node("RegexFullMatch", 20, [strings("ab", "abc")], pattern="a.")[0].tolist() == [True, False]
    with pytest.raises(kiln.Error, match="regular expression"):
        run_node("RegexFullMatch", 20, [strings("ab")], pattern="(")


GRAMS = dict(ngram_counts=[0, 2], ngram_indexes=[0, 2, 1], pool_int64s=[5, 6, 5, 6], min_gram_length=1,
             max_gram_length=2, max_skip_count=1)


@pytest.mark.parametrize("mode, expected", [("TF", [2, 2, 2]), ("IDF", [0.5, 2, 3]), ("TFIDF", [1, 4, 6])])
def test_weights_go_by_place(mode, expected):
    x = np.array([5, 6, 5, 6], np.int32)
    [y] = run_node("TfIdfVectorizer", 9, [x], mode=mode, weights=[0.5, 2.0, 3.0], **GRAMS)
    assert y.tolist() == expected


@pytest.mark.parametrize("wrong", [
    dict(ngram_counts=[0, 5]), dict(ngram_counts=[2, 0]), dict(ngram_indexes=[0, 1]), dict(ngram_indexes=[0, -1, 2]),
    dict(min_gram_length=0), dict(max_gram_length=0), dict(weights=[1.0], mode="IDF"),
    dict(ngram_counts=[0, 3])])
def test_pools_that_do_not_fit(wrong):
    with pytest.raises(kiln.Error):
        run_node("TfIdfVectorizer", 9, [np.array([5], np.int64)], **{**GRAMS, "mode": "TF", **wrong})


def pairs(values):
    return np.stack([values.real, values.imag], -1)


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 7, 8, 16, 30, 31, 36, 37, 64, 74, 97, 100, 221, 1024, 1009])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transforms_of_any_length(length, dtype):
    random = np.random.default_rng(length)
    x = random.standard_normal((2, length, 3, 2)).astype(dtype)
    tolerance = 2e-6 * np.sqrt(length) if dtype == np.float32 else 1e-12 * length
    signal = x[..., 0].astype(np.float64) + 1j * x[..., 1]
    [y] = run_node("DFT", 20, [x, None, np.array(1)])
    np.testing.assert_allclose(y, pairs(np.fft.fft(signal, axis=1)), atol=tolerance * 4)
    [y] = run_node("DFT", 17, [x], axis=1, inverse=1)
    np.testing.assert_allclose(y, pairs(np.fft.ifft(signal, axis=1)), atol=tolerance)
    [y] = run_node("DFT", 20, [x[..., :1], None, np.array(1)], onesided=1)
    np.testing.assert_allclose(y, pairs(np.fft.rfft(x[..., 0].astype(np.float64), axis=1)), atol=tolerance * 4)
    [y] = run_node("DFT", 20, [y, np.array(length), np.array(1)], onesided=1, inverse=1)
    np.testing.assert_allclose(y, x[..., :1], atol=tolerance)


def test_transforms_in_half_precision():
    x = np.arange(6, dtype=np.float16).reshape(1, 6, 1)
    [y] = run_node("DFT", 20, [x])
    np.testing.assert_array_equal(y, pairs(np.fft.fft(x[..., 0].astype(np.float64), axis=1)).astype(np.float16))


@pytest.mark.parametrize("inputs, attributes", [
    ([np.zeros((1, 4, 3), np.float32)], {}), ([np.zeros((1, 4, 2), np.float32)], {"onesided": 1}),
    ([np.zeros((1, 4, 1), np.float32), np.array(0)], {}), ([np.zeros((1, 4, 1), np.float32), np.array(2**40)], {}),
    ([np.zeros((1, 4, 1), np.float32), None, np.array(2)], {}), ([np.zeros((4,), np.float32)], {}),
    ([np.zeros((1, 0, 1), np.float32)], {})])
def test_transforms_that_make_no_sense(inputs, attributes):
    with pytest.raises(kiln.Error):
        run_node("DFT", 20, inputs, **attributes)


def test_frames_must_fit():
    signal = np.zeros((1, 8, 1), np.float32)
    for step, length in [(0, 4), (-1, 4), (1, 9), (1, 0)]:
        with pytest.raises(kiln.Error):
            run_node("STFT", 17, [signal, np.array(step), None, np.array(length)])
    with pytest.raises(kiln.Error, match="window"):
        run_node("STFT", 17, [signal, np.array(1), np.ones(3, np.float32), np.array(4)])


@pytest.mark.parametrize("number, dtype", [(1, np.float32), (11, np.float64), (10, np.float16), (6, np.int32)])
def test_mel_weights_of_other_types(number, dtype):
    inputs = [np.array(4), np.array(64), np.array(8000), np.array(0, np.float32), np.array(4000, np.float32)]
    [y] = run_node("MelWeightMatrix", 17, inputs, output_datatype=number)
    assert y.shape == (33, 4) and y.dtype == dtype and y.max() == 1
    with pytest.raises(kiln.Error, match="outside the spectrum"):
        run_node("MelWeightMatrix", 17, inputs[:2] + [np.array(10)] + inputs[3:])
