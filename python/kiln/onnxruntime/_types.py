"""Element types by their ONNX numbers, names, and numpy's types."""
from __future__ import annotations

from typing import Any

import numpy as np

NUMBERS = {
    "float": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "string": 8, "bool": 9,
    "float16": 10, "double": 11, "uint32": 12, "uint64": 13, "complex64": 14, "complex128": 15, "bfloat16": 16,
    "float8e4m3fn": 17, "float8e4m3fnuz": 18, "float8e5m2": 19, "float8e5m2fnuz": 20, "uint4": 21, "int4": 22,
    "float4e2m1": 23, "float8e8m0": 24, "uint2": 25, "int2": 26,
}
NAMES = {number: name for name, number in NUMBERS.items()}
_NUMPY = {"float": "float32", "double": "float64", "string": "object"}
_SMALL = {
    "bfloat16": "bfloat16", "float8e4m3fn": "float8_e4m3fn", "float8e4m3fnuz": "float8_e4m3fnuz",
    "float8e5m2": "float8_e5m2", "float8e5m2fnuz": "float8_e5m2fnuz", "float4e2m1": "float4_e2m1fn",
    "float8e8m0": "float8_e8m0fnu", "uint4": "uint4", "int4": "int4", "uint2": "uint2", "int2": "int2",
}
_FROM_NUMPY = {dtype: onnx for onnx, dtype in (_NUMPY | _SMALL).items()}


def numpy_dtype(number: int) -> np.dtype:
    """The numpy type of an ONNX element type; the small ones are those of ml_dtypes."""
    name = NAMES.get(number)
    if name is None:
        raise RuntimeError(f"{number} is no element type")
    if name in _SMALL:
        try:
            import ml_dtypes
        except ImportError:
            raise RuntimeError(f"tensors of {name} need the package ml_dtypes") from None
        return np.dtype(getattr(ml_dtypes, _SMALL[name]))
    return np.dtype(_NUMPY.get(name, name))


def onnx_name(dtype: np.dtype) -> str:
    """"float", "int64", ...: as ONNX names the element type of an array."""
    if dtype.kind in "OUST":
        return "string"
    return _FROM_NUMPY.get(dtype.name, dtype.name)


def element_number(element_type: Any) -> int:
    """From a numpy type, or an ONNX number."""
    if isinstance(element_type, (int, np.integer)):
        return int(element_type)
    return NUMBERS.get(onnx_name(np.dtype(element_type)), 0)
