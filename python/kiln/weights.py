"""Weights from files, as arrays by name: .safetensors, PyTorch's .pth and .pt, .npz and .npy. Nothing in a file is
executed."""
from __future__ import annotations

import json
import math
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import numpy as np


def load_weights(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a file by name. Those of a .safetensors file lie in the mapped file, and are read-only."""
    name = os.fspath(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix == ".safetensors":
        return _load_safetensors(name)
    if suffix in (".pth", ".pt", ".bin", ".ckpt"):
        return _load_torch(name)
    if suffix == ".npz":
        with np.load(name, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    if suffix == ".npy":
        return {os.path.splitext(os.path.basename(name))[0]: np.load(name, allow_pickle=False)}
    raise ValueError(f"{name}: expected a file of weights: .safetensors, .pth, .pt, .npz or .npy")


def _small(name: str) -> np.dtype:
    try:
        import ml_dtypes
    except ImportError:
        raise ValueError(f"{name} needs the package ml_dtypes") from None
    return np.dtype(getattr(ml_dtypes, name))


_SAFETENSORS_TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool", "C64": "complex64",
}
_SAFETENSORS_SMALL = {"BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
_MOST_HEADER_BYTES = 100_000_000


def _load_safetensors(path: str) -> dict[str, np.ndarray]:
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(8)
        length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
        if length > min(size - 8, _MOST_HEADER_BYTES) or length < 2:
            raise ValueError(f"{path}: no safetensors file: its header would have {length} of {size} bytes")
        try:
            header = json.loads(file.read(length).decode("utf-8"))
        except ValueError as error:
            raise ValueError(f"{path}: the header cannot be read: {error}") from None
    if not isinstance(header, dict):
        raise ValueError(f"{path}: the header is no table of tensors")
    content = np.memmap(path, np.uint8, "r", 8 + length) if size > 8 + length else np.empty(0, np.uint8)
    return {name: _safetensor(path, name, entry, content) for name, entry in header.items() if name != "__metadata__"}


def _safetensor(path: str, name: str, entry: Any, content: np.ndarray) -> np.ndarray:
    def refuse(why: str) -> ValueError:
        return ValueError(f"{path}: tensor '{name}': {why}")

    try:
        kind, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (KeyError, TypeError, ValueError):
        raise refuse("expected dtype, shape and data_offsets") from None
    kind = str(kind)
    if kind in _SAFETENSORS_SMALL:
        dtype = _small(_SAFETENSORS_SMALL[kind])
    elif kind in _SAFETENSORS_TYPES:
        dtype = np.dtype(_SAFETENSORS_TYPES[kind])
    else:
        raise refuse(f"its type {kind!r} is not known")
    numbers = [*shape, begin, end] if isinstance(shape, list) else [None]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise refuse("its shape and offsets must be whole numbers from 0 on")
    needed = math.prod(shape) * dtype.itemsize
    if end - begin != needed or end > len(content):
        raise refuse(f"bytes {begin} to {end} of {len(content)} are given for {kind} {shape}, which takes {needed}")
    return np.asarray(content[begin:end]).view(dtype).reshape(shape)


class _Storage:
    """The elements behind tensors of a .pth file."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


_STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
    "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
}


def _rebuild_tensor(storage: np.ndarray, offset: int, size: tuple, stride: tuple, *_: Any) -> np.ndarray:
    last = offset + sum((extent - 1) * step for extent, step in zip(size, stride))
    is_empty = any(extent == 0 for extent in size)
    is_odd = len(size) != len(stride) or offset < 0 or min((*size, *stride, 0)) < 0
    if is_odd or (not is_empty and last >= len(storage)):
        raise pickle.UnpicklingError(f"a tensor {size} with strides {stride} from {offset} on reaches beyond its "
                                     f"{len(storage)} elements")
    if is_empty:
        return np.empty(size, storage.dtype)
    steps = [step * storage.itemsize for step in stride]
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(storage[offset:], size, steps)).reshape(size)


class _Unpickler(pickle.Unpickler):
    """Knows tensors and dicts of them, and refuses everything else."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(archive.open(folder + "data.pkl"))
        self._archive = archive
        self._folder = folder
        self._storages: dict[str, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return _Storage(_STORAGES[name])
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda data, *_: data
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a dict of tensors")

    def persistent_load(self, pid: Any) -> np.ndarray:
        _, kind, key, _, count = pid
        if key not in self._storages:
            dtype = _small("bfloat16") if kind.dtype == "bfloat16" else np.dtype(kind.dtype)
            entry = self._archive.getinfo(f"{self._folder}data/{key}")
            if entry.compress_type != zipfile.ZIP_STORED:
                raise pickle.UnpicklingError(f"storage {key} is compressed")
            content = self._archive.read(entry)
            if len(content) < count * dtype.itemsize:
                raise pickle.UnpicklingError(f"storage {key} has {len(content)} bytes for {count} elements of {dtype}")
            self._storages[key] = np.frombuffer(content, dtype, count)
        return self._storages[key]


def _load_torch(path: str) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            folder = next(name for name in archive.namelist() if name.endswith("/data.pkl"))[:-len("data.pkl")]
            order = archive.read(folder + "byteorder") if folder + "byteorder" in archive.namelist() else b"little"
            if order.strip() != b"little":
                raise pickle.UnpicklingError("its bytes are in the other order")
            loaded = _Unpickler(archive, folder).load()
    except FileNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001: a damaged file fails in many ways
        loaded = _load_with_torch(path, error)
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(array, np.ndarray) for array in loaded.values()):
        raise ValueError(f"{path}: expected a dict of tensors, a state dict")
    return {str(name): array for name, array in loaded.items()}


def _load_with_torch(path: str, why: Exception) -> Any:
    """PyTorch's own reader, which runs nothing of the file either, for what the small one does not know."""
    try:
        import torch
    except ImportError:
        raise ValueError(f"{path}: {why}; with PyTorch installed more could be read") from None
    loaded = torch.load(path, map_location="cpu", weights_only=True)

    def convert(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return value.detach().contiguous().numpy()
        return {key: convert(each) for key, each in value.items()} if isinstance(value, dict) else value

    return convert(loaded)
