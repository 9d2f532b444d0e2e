"""What may be given for an input, and what ONNX Runtime says of what may not."""
from __future__ import annotations

from typing import Any, Mapping

import numpy as np

from ..sparse import SparseTensor
from . import _errors, _types
from ._values import OrtValue, to_run
from ._values import SparseTensor as OrtSparseTensor

_NUMPY_NAMES = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(bool)": "bool",
    "tensor(int8)": "int8", "tensor(int16)": "int16", "tensor(int32)": "int32", "tensor(int64)": "int64",
    "tensor(uint8)": "uint8", "tensor(uint16)": "uint16", "tensor(uint32)": "uint32", "tensor(uint64)": "uint64",
    "tensor(complex64)": "complex64", "tensor(complex128)": "complex128", "tensor(string)": "object",
}


def onnx_type(dtype: np.dtype) -> str:
    return f"tensor({_types.onnx_name(dtype)})"


def adapt(node, value: Any) -> Any:
    """Checks one value that is not a plain array; lists for a tensor become an array of the type expected."""
    if isinstance(value, OrtValue):
        return to_run(value._get_c_value().content)
    if isinstance(value, OrtSparseTensor):
        return value._get_c_tensor().to_run()
    if value is None or node is None or isinstance(value, (np.ndarray, dict, SparseTensor)):
        return value
    expected = node.type[len("optional("):-1] if node.type.startswith("optional(") else node.type
    if expected.startswith("seq("):
        return _adapt_sequence(expected, value)
    if isinstance(value, list):
        try:
            return np.asarray(value, dtype=_NUMPY_NAMES.get(expected))
        except (ValueError, TypeError):
            raise RuntimeError("Could not create tensor from given input list") from None
    if hasattr(value, "__iter__") and not isinstance(value, (np.generic, memoryview)):
        raise RuntimeError(f"Input must be a list of dictionaries or a single numpy array for input '{node.name}'.")
    raise RuntimeError(f"Unable to handle object of type {type(value)}")


def _adapt_sequence(expected: str, value: Any) -> Any:
    element = expected[len("seq("):-1]
    if isinstance(value, (list, tuple)) and element.startswith("tensor("):
        for item in value:
            if not isinstance(item, (np.ndarray, np.generic)):
                raise RuntimeError("CreateSequenceOfTensors: Input is not a tensor")
            if onnx_type(item.dtype) != element:
                raise RuntimeError(f"TensorSeq: tensor to be added has a different data type: {onnx_type(item.dtype)}, "
                                   f"expected {element}")
    return value


def fit_scalars(nodes: Mapping[str, Any], feed: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays of one element that are given for a scalar, as scalars: ONNX Runtime does not check a scalar's rank."""
    return {name: value.reshape(()) for name, value in feed.items()
            if isinstance(value, np.ndarray) and value.ndim and value.size == 1
            and nodes[name].type.startswith("tensor(") and nodes[name]._is_scalar}


def check(node, value: Any) -> None:
    if value is None:
        if not node.type.startswith("optional("):
            raise _errors.make(_errors.Fail, f"Missing Input: {node.name}") from None
        return
    if isinstance(value, dict) and node.type.startswith("tensor("):
        raise _errors.make(_errors.InvalidArgument, f"Unexpected input data type. Actual: (map) , expected: "
                                                    f"(({node.type}))") from None
    if not isinstance(value, np.ndarray):
        return
    if not node.type.startswith("tensor("):
        if node.type.startswith(("seq(", "map(")):
            raise _errors.make(_errors.InvalidArgument, f"input with name: '{node.name}' expected to be of type: "
                                                        f"{node.type} but received a tensor") from None
        return
    if onnx_type(value.dtype) != node.type:
        raise _errors.make(_errors.InvalidArgument, f"Unexpected input data type. Actual: ({onnx_type(value.dtype)}) , "
                                                    f"expected: ({node.type})") from None
    _check_shape(node, value.shape)


def _check_shape(node, shape: tuple[int, ...]) -> None:
    if not node.shape:
        return
    if len(shape) != len(node.shape):
        raise _errors.make(_errors.InvalidArgument,
                           f"Invalid rank for input: {node.name} Got: {len(shape)} Expected: {len(node.shape)} "
                           "Please fix either the inputs/outputs or the model.") from None
    wrong = [f" index: {index} Got: {got} Expected: {expected}"
             for index, (got, expected) in enumerate(zip(shape, node.shape))
             if isinstance(expected, int) and got != expected]
    if wrong:
        raise _errors.make(_errors.InvalidArgument,
                           f"Got invalid dimensions for input: {node.name} for the following indices\n"
                           + "\n".join(wrong) + "\n Please fix either the inputs/outputs or the model.") from None
