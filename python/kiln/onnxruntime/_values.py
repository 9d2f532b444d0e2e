"""OrtValue and SparseTensor: values that stay where they are between runs."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from .. import _kiln, sparse
from . import _devices, _types
from ._enums import OrtSparseFormat


class CValue:
    """What ONNX Runtime's compiled module calls OrtValue: an array, a list (sequence), a dict (map), a sparse tensor,
    or None (an optional without a value)."""

    __slots__ = ("content", "_type", "__weakref__")

    def __init__(self, content: Any, type_name: str = "") -> None:
        self.content = content
        self._type = type_name

    @staticmethod
    def ortvalue_from_numpy(array: np.ndarray, device: Any = None) -> CValue:
        if not isinstance(array, np.ndarray) or array.dtype.kind in "OUST":
            raise RuntimeError("Creation of OrtValues is currently only supported from non-string numpy arrays")
        return CValue(np.ascontiguousarray(array) if array.ndim else array)

    @staticmethod
    def from_dlpack(data: Any, is_bool_tensor: bool = False) -> CValue:
        array = array_from_dlpack(data)
        return CValue(array.view(np.bool_) if is_bool_tensor and array.dtype == np.uint8 else array)

    def _array(self) -> np.ndarray:
        if not isinstance(self.content, np.ndarray):
            raise RuntimeError("Only OrtValues that are Tensors are convertible to Numpy objects")
        return self.content

    def is_tensor(self) -> bool:
        return isinstance(self.content, np.ndarray)

    def is_sparse_tensor(self) -> bool:
        return isinstance(self.content, CSparseTensor)

    def is_tensor_sequence(self) -> bool:
        return isinstance(self.content, list) and not self.data_type().startswith("seq(map")

    def has_value(self) -> bool:
        return self.content is not None

    def shape(self) -> list[int]:
        if self.is_sparse_tensor():
            return self.content.dense_shape()
        return list(self._array().shape)

    def data_type(self) -> str:
        if self.is_tensor():
            return f"tensor({_types.onnx_name(self.content.dtype)})"
        if self.is_sparse_tensor():
            return self.content.data_type()
        return self._type

    def element_type(self) -> int:
        if self.is_sparse_tensor():
            return _types.NUMBERS[_types.onnx_name(self.content.values().dtype)]
        return _types.NUMBERS[_types.onnx_name(self._array().dtype)]

    def data_ptr(self) -> int:
        return self._array().ctypes.data

    def tensor_size_in_bytes(self) -> int:
        return self._array().nbytes

    def device_name(self) -> str:
        return "cpu"

    def numpy(self) -> np.ndarray:
        array = self._array()
        name = _types.onnx_name(array.dtype)
        if name.startswith("float8"):
            return array.view(np.uint8)
        if name in ("bfloat16", "uint4", "int4", "uint2", "int2", "float4e2m1"):
            raise RuntimeError(f"No corresponding Numpy type for Tensor Type. {name}")
        return array.view()

    def update_inplace(self, data: Any) -> None:
        array, new = self._array(), data._array() if isinstance(data, CValue) else data
        if new.shape != array.shape:
            raise RuntimeError("The input size of numpy arrays does not match the size of the OrtValue.")
        if new.dtype != array.dtype:
            raise RuntimeError(f"found an array of {new.dtype}, expected {array.dtype}")
        array[...] = new

    def as_sparse_tensor(self) -> CSparseTensor:
        if not self.is_sparse_tensor():
            raise RuntimeError("This OrtValue does not contain SparseTensor. Check data_type() value.")
        return self.content

    def to_dlpack(self) -> Any:
        return dlpack_of(self._array())

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self.to_dlpack()

    def __dlpack_device__(self) -> tuple[int, int]:
        self._array()
        return (1, 0)


def array_from_dlpack(data: Any) -> np.ndarray:
    if isinstance(data, np.ndarray):
        return data
    return _kiln.array_from_dlpack(data)


def dlpack_of(array: np.ndarray) -> Any:
    return _kiln.dlpack_from_array(array)


class OrtValueVector(list):
    """A list of CValue."""

    def push_back(self, value: Any) -> None:
        self.append(c_value(value))

    def push_back_batch(self, tensors: Sequence[Any], data_ptrs: Sequence[int], element_types: Sequence[Any],
                        shapes: Sequence[Sequence[int]], devices: Sequence[Any]) -> None:
        for pointer, kind, shape in zip(data_ptrs, element_types, shapes):
            self.append(CValue(array_at(pointer, kind, shape)))

    def reserve(self, size: int) -> None:
        """Lists grow by themselves."""

    def shrink_to_fit(self) -> None:
        """Lists grow by themselves."""

    def element_type_at(self, index: int) -> int:
        return self[index].element_type()

    def bool_tensor_indices(self) -> list[int]:
        return [i for i, value in enumerate(self) if value.is_tensor() and value.content.dtype == np.bool_]

    def dlpack_at(self, index: int) -> Any:
        return self[index].to_dlpack()

    def to_dlpacks(self, to_tensor: Any = None) -> list[Any]:
        capsules = [value.to_dlpack() for value in self]
        return capsules if to_tensor is None else [to_tensor(capsule) for capsule in capsules]


def array_at(pointer: int, element_type: Any, shape: Sequence[int]) -> np.ndarray:
    """The memory at an address as an array, which does not keep it alive."""
    import ctypes
    dtype = _types.numpy_dtype(_types.element_number(element_type))
    count = int(np.prod(shape, dtype=np.int64))
    if count == 0:
        return np.empty(tuple(shape), dtype)
    if count < 0 or not pointer:
        raise ValueError(f"no memory of shape {list(shape)} lies at {pointer}")
    memory = (ctypes.c_char * (count * dtype.itemsize)).from_address(pointer)
    return np.frombuffer(memory, np.uint8).view(dtype).reshape(tuple(shape))


def c_value(value: Any) -> CValue:
    return value._get_c_value() if isinstance(value, OrtValue) else value


class OrtValue:
    """A value that was made outside of a run: a tensor, sparse tensor, sequence, map or nothing."""

    def __init__(self, ortvalue: CValue, numpy_obj: np.ndarray | None = None, session: Any = None) -> None:
        if not isinstance(ortvalue, CValue):
            raise ValueError("`Provided ortvalue` needs to be of type `onnxruntime.capi.onnxruntime_pybind11_state."
                             "OrtValue`")
        self._ortvalue = ortvalue
        self._numpy_obj = numpy_obj
        self._session = session

    def _get_c_value(self) -> CValue:
        return self._ortvalue

    @classmethod
    def ortvalue_from_numpy(cls, numpy_obj: np.ndarray, /, device_type: str = "cpu", device_id: int = 0,
                            vendor_id: int = -1) -> OrtValue:
        """Sees the array's own memory where it lies in rows."""
        _devices.require_cpu(device_type)
        return cls(CValue.ortvalue_from_numpy(numpy_obj), numpy_obj)

    @classmethod
    def ortvalue_from_numpy_with_onnx_type(cls, data: np.ndarray, /, onnx_element_type: int) -> OrtValue:
        """The array's memory as elements of a type that numpy may not have."""
        dtype = _types.numpy_dtype(onnx_element_type)
        if dtype.itemsize != data.itemsize:
            raise RuntimeError(f"Items size in the incoming array: {data.itemsize} specified by onnxtype: "
                               f"{dtype.itemsize}")
        return cls(CValue(np.ascontiguousarray(data).view(dtype)), data)

    @classmethod
    def ortvalue_from_shape_and_type(cls, shape: Sequence[int], element_type: Any, device_type: str = "cpu",
                                     device_id: int = 0, vendor_id: int = -1, memory_info: Any = None) -> OrtValue:
        _devices.require_cpu(device_type)
        return cls(CValue(np.empty(tuple(shape), _types.numpy_dtype(_types.element_number(element_type)))))

    @classmethod
    def ort_value_from_sparse_tensor(cls, sparse_tensor: SparseTensor) -> OrtValue:
        return cls(CValue(sparse_tensor._get_c_tensor()))

    @classmethod
    def from_dlpack(cls, data: Any, /) -> OrtValue:
        """Of an object with `__dlpack__`, or a capsule; the memory is shared."""
        return cls(CValue.from_dlpack(data))

    def as_sparse_tensor(self) -> SparseTensor:
        return SparseTensor(self._ortvalue.as_sparse_tensor())

    def data_ptr(self) -> int:
        return self._ortvalue.data_ptr()

    def device_name(self) -> str:
        return self._ortvalue.device_name()

    def shape(self) -> list[int]:
        return self._ortvalue.shape()

    def data_type(self) -> str:
        return self._ortvalue.data_type()

    def element_type(self) -> int:
        return self._ortvalue.element_type()

    def tensor_size_in_bytes(self) -> int:
        return self._ortvalue.tensor_size_in_bytes()

    def has_value(self) -> bool:
        return self._ortvalue.has_value()

    def is_tensor(self) -> bool:
        return self._ortvalue.is_tensor()

    def is_sparse_tensor(self) -> bool:
        return self._ortvalue.is_sparse_tensor()

    def is_tensor_sequence(self) -> bool:
        return self._ortvalue.is_tensor_sequence()

    def numpy(self) -> np.ndarray:
        return self._ortvalue.numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != np.dtype(dtype):
            if copy is False:
                raise ValueError("a change of the type needs a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self._ortvalue.__dlpack__(stream=stream)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._ortvalue.__dlpack_device__()

    def update_inplace(self, data: np.ndarray | OrtValue) -> None:
        if not isinstance(data, (np.ndarray, OrtValue)):
            raise TypeError("data must be a numpy.ndarray or an OrtValue.")
        self._ortvalue.update_inplace(c_value(data))


class CSparseTensor:
    """What ONNX Runtime's compiled module calls SparseTensor."""

    def __init__(self, format_: OrtSparseFormat, shape: Sequence[int], values: np.ndarray, *indices: np.ndarray):
        self.format = format_
        self._shape = [int(dim) for dim in shape]
        self._values = values
        self.indices = indices

    def values(self) -> np.ndarray:
        return self._values

    def dense_shape(self) -> list[int]:
        return list(self._shape)

    def data_type(self) -> str:
        return f"sparse_tensor({_types.onnx_name(self._values.dtype)})"

    def device_name(self) -> str:
        return "cpu"

    def to_run(self) -> sparse.SparseTensor:
        """As Kiln takes it: coordinates."""
        if self.format == OrtSparseFormat.ORT_SPARSE_COO:
            return sparse.SparseTensor(self._values, self.indices[0], tuple(self._shape))
        inner, outer = self.indices
        rows = np.repeat(np.arange(len(outer) - 1), np.diff(outer))
        return sparse.SparseTensor(self._values, rows * self._shape[1] + inner, tuple(self._shape))

    @staticmethod
    def from_run(tensor: sparse.SparseTensor) -> CSparseTensor:
        return CSparseTensor(OrtSparseFormat.ORT_SPARSE_COO, tensor.shape, tensor.values, tensor.indices)


class SparseCooView:
    def __init__(self, tensor: CSparseTensor) -> None:
        self._tensor = tensor

    def indices(self) -> np.ndarray:
        return self._tensor.indices[0]


class SparseCsrView:
    def __init__(self, tensor: CSparseTensor) -> None:
        self._tensor = tensor

    def inner(self) -> np.ndarray:
        return self._tensor.indices[0]

    def outer(self) -> np.ndarray:
        return self._tensor.indices[1]


class SparseTensor:
    """Values that are not zero, and where they are."""

    def __init__(self, sparse_tensor: CSparseTensor) -> None:
        if not isinstance(sparse_tensor, CSparseTensor):
            raise ValueError("`Provided object` needs to be of type `onnxruntime.capi.onnxruntime_pybind11_state."
                             "SparseTensor`")
        self._tensor = sparse_tensor

    def _get_c_tensor(self) -> CSparseTensor:
        return self._tensor

    @classmethod
    def sparse_coo_from_numpy(cls, dense_shape: Any, values: np.ndarray, coo_indices: np.ndarray,
                              ort_device: _devices.OrtDevice) -> SparseTensor:
        """`coo_indices` are [n] into the flattened tensor, or [n, rank]."""
        return cls(CSparseTensor(OrtSparseFormat.ORT_SPARSE_COO, dense_shape, values, coo_indices))

    @classmethod
    def sparse_csr_from_numpy(cls, dense_shape: Any, values: np.ndarray, inner_indices: np.ndarray,
                              outer_indices: np.ndarray, ort_device: _devices.OrtDevice) -> SparseTensor:
        """Columns by row: `outer_indices` say where in `inner_indices` each row begins."""
        if len(dense_shape) != 2 or len(outer_indices) != dense_shape[0] + 1 or outer_indices[-1] != len(inner_indices):
            raise ValueError("the indices of rows do not fit the shape and the values")
        return cls(CSparseTensor(OrtSparseFormat.ORT_SPARSE_CSRC, dense_shape, values, inner_indices, outer_indices))

    def values(self) -> np.ndarray:
        return self._tensor.values()

    def as_coo_view(self) -> SparseCooView:
        self._require(OrtSparseFormat.ORT_SPARSE_COO, "COO")
        return SparseCooView(self._tensor)

    def as_csrc_view(self) -> SparseCsrView:
        self._require(OrtSparseFormat.ORT_SPARSE_CSRC, "CSR(C)")
        return SparseCsrView(self._tensor)

    def as_blocksparse_view(self) -> Any:
        return self._require(OrtSparseFormat.ORT_SPARSE_BLOCK_SPARSE, "BlockSparse")

    def _require(self, wanted: OrtSparseFormat, name: str) -> None:
        if self._tensor.format != wanted:
            raise RuntimeError(f"This sparse tensor does not contain {name} format")

    def to_cuda(self, ort_device: _devices.OrtDevice) -> SparseTensor:
        raise RuntimeError("Cuda is not available in this build")

    def format(self) -> OrtSparseFormat:
        return self._tensor.format

    def dense_shape(self) -> list[int]:
        return self._tensor.dense_shape()

    def data_type(self) -> str:
        return self._tensor.data_type()

    def device_name(self) -> str:
        return self._tensor.device_name()


def to_run(content: Any) -> Any:
    """What a run takes for the content of a CValue."""
    return content.to_run() if isinstance(content, CSparseTensor) else content


def from_run(result: Any, type_name: str) -> CValue:
    """A result of a run, whose type the model says."""
    return CValue(CSparseTensor.from_run(result) if isinstance(result, sparse.SparseTensor) else result, type_name)


def copy_tensors(src: Sequence[OrtValue], dst: Sequence[OrtValue], stream: Any = None) -> None:
    if len(src) != len(dst):
        raise ValueError("src and dst must have the same number of OrtValues")
    for source, target in zip(src, dst):
        target._get_c_value().update_inplace(source._get_c_value())
