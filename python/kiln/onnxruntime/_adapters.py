"""LoRA adapters: named tensors in a file (a flatbuffer of ONNX Runtime's schema), given to inputs with defaults."""
from __future__ import annotations

import os
import struct
from typing import Any, Mapping

import numpy as np

from . import _errors, _types
from ._values import CValue, OrtValue

_IDENTIFIER = b"TORT"


class _Table:
    """A table of a flatbuffer: fields by number, all offsets held against the end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._number("<i", at)

    def _number(self, form: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(form) > len(self._data):
            raise _errors.make(_errors.Fail, "The adapter file is damaged: an offset lies beyond its end")
        return struct.unpack_from(form, self._data, at)[0]

    def _field(self, number: int) -> int:
        size = self._number("<H", self._fields)
        offset = self._number("<H", self._fields + 4 + 2 * number) if 4 + 2 * number < size else 0
        return self._at + offset if offset else 0

    def int(self, number: int) -> int:
        at = self._field(number)
        return self._number("<i", at) if at else 0

    def _vector(self, number: int, width: int) -> tuple[int, int]:
        at = self._field(number)
        if not at:
            return 0, 0
        at += self._number("<I", at)
        count = self._number("<I", at)
        if at + 4 + count * width > len(self._data):
            raise _errors.make(_errors.Fail, "The adapter file is damaged: a vector lies beyond its end")
        return at + 4, count

    def bytes(self, number: int) -> bytes:
        at, count = self._vector(number, 1)
        return self._data[at:at + count]

    def longs(self, number: int) -> tuple[int, ...]:
        at, count = self._vector(number, 8)
        return struct.unpack_from(f"<{count}q", self._data, at)

    def tables(self, number: int) -> list[_Table]:
        at, count = self._vector(number, 4)
        return [_Table(self._data, at + 4 * i + self._number("<I", at + 4 * i)) for i in range(count)]


class _Writer:
    """Builds a flatbuffer front to back: what an offset leads to is written after it."""

    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, width: int, before: int = 0) -> None:
        self.data += bytes(-(len(self.data) + before) % width)

    def table(self, size: int, offsets: list[int]) -> int:
        """A table of `size` bytes with its fields at `offsets` (0: left out); the caller fills them in."""
        self.align(8)
        form = struct.pack(f"<{2 + len(offsets)}H", 4 + 2 * len(offsets), size, *offsets)
        self.data += form + bytes(-len(form) % 8)
        at = len(self.data)
        self.data += struct.pack("<i", len(form) + -len(form) % 8) + bytes(size - 4)
        return at

    def point(self, at: int) -> None:
        """The offset at `at` leads to what is written next."""
        struct.pack_into("<I", self.data, at, len(self.data) - at)

    def vector(self, at: int, content: bytes, count: int, width: int, end: bytes = b"") -> int:
        self.align(4)
        self.align(width, before=4)
        self.point(at)
        self.data += struct.pack("<I", count)
        begin = len(self.data)
        self.data += content + end
        return begin


def _written(versions: tuple[int, int, int], parameters: Mapping[str, np.ndarray]) -> bytes:
    writer = _Writer()
    writer.data += bytes(4) + _IDENTIFIER
    struct.pack_into("<I", writer.data, 0, 0)
    adapter = writer.table(20, [4, 8, 12, 16])
    struct.pack_into("<I", writer.data, 0, adapter)
    struct.pack_into("<3i", writer.data, adapter + 4, *versions)
    begin = writer.vector(adapter + 16, bytes(4 * len(parameters)), len(parameters), 4)
    for index, (name, array) in enumerate(sorted(parameters.items())):
        text, rows = name.encode(), np.ascontiguousarray(array)
        table = writer.table(24, [4, 8, 12, 16])
        struct.pack_into("<I", writer.data, begin + 4 * index, table - begin - 4 * index)
        struct.pack_into("<i", writer.data, table + 12, _types.NUMBERS[_types.onnx_name(array.dtype)])
        writer.vector(table + 4, text, len(text), 1, end=b"\0")
        writer.vector(table + 8, struct.pack(f"<{array.ndim}q", *array.shape), array.ndim, 8)
        writer.vector(table + 16, rows.tobytes(), rows.nbytes, 8)
    return bytes(writer.data)


def _read(path: str | os.PathLike) -> tuple[tuple[int, int, int], dict[str, np.ndarray]]:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise _errors.make(_errors.NoSuchFile, f"the adapter {os.fspath(path)} cannot be read: {error}") from None
    if len(data) < 8 or data[4:8] != _IDENTIFIER:
        raise _errors.make(_errors.InvalidArgument, f"{os.fspath(path)} is no adapter")
    adapter = _Table(data, struct.unpack_from("<I", data)[0])
    parameters = {}
    for table in adapter.tables(3):
        dtype, shape = _types.numpy_dtype(table.int(2)), table.longs(1)
        content = np.frombuffer(table.bytes(3), np.uint8)
        if content.nbytes != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
            raise _errors.make(_errors.Fail, "The adapter file is damaged: a parameter's bytes do not fit its shape")
        parameters[table.bytes(0).decode()] = content.view(dtype).reshape(shape)
    return (adapter.int(0), adapter.int(1), adapter.int(2)), parameters


class AdapterFormat:
    """Makes and reads adapter files."""

    def __init__(self, adapter: Any = None) -> None:
        self._versions = [1, 0, 0]
        self._parameters: dict[str, OrtValue] = {}
        self._adapter = adapter

    @staticmethod
    def read_adapter(file_path: os.PathLike) -> AdapterFormat:
        adapter = AdapterFormat()
        versions, arrays = _read(file_path)
        adapter._versions = list(versions)
        adapter._parameters = {name: OrtValue(CValue(array)) for name, array in arrays.items()}
        return adapter

    def export_adapter(self, file_path: os.PathLike) -> None:
        arrays = {name: value._get_c_value()._array() for name, value in self._parameters.items()}
        with open(file_path, "wb") as file:
            file.write(_written(tuple(self._versions), arrays))

    def get_format_version(self) -> int:
        return self._versions[0]

    def set_adapter_version(self, adapter_version: int) -> None:
        self._versions[1] = int(adapter_version)

    def get_adapter_version(self) -> int:
        return self._versions[1]

    def set_model_version(self, model_version: int) -> None:
        self._versions[2] = int(model_version)

    def get_model_version(self) -> int:
        return self._versions[2]

    def set_parameters(self, params: dict[str, OrtValue]) -> None:
        self._parameters = dict(params)

    def get_parameters(self) -> dict[str, OrtValue]:
        return dict(self._parameters)


class LoraAdapter:
    """Parameters that RunOptions.add_active_adapter gives to a run."""

    def __init__(self) -> None:
        self._parameters: dict[str, np.ndarray] = {}

    def Load(self, file_path: str) -> None:  # noqa: N802: ONNX Runtime's name
        self._parameters = _read(file_path)[1]

    def _arrays(self) -> dict[str, np.ndarray]:
        return self._parameters
