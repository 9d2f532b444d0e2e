"""Devices, memory and allocators: one CPU."""
from __future__ import annotations

import functools
from typing import Any

from . import _enums
from ._enums import (OrtAllocatorType, OrtDeviceMemoryType, OrtDeviceVendorId, OrtHardwareDeviceType,
                     OrtMemoryInfoDeviceType, OrtMemType)

_TYPES = {"cpu": 0, "cuda": 1, "dml": 1, "webgpu": 1, "gpu": 1, "fpga": 2, "cann": 3, "npu": 3}
_VENDORS = {"cuda": OrtDeviceVendorId.NVIDIA, "dml": OrtDeviceVendorId.MICROSOFT, "cann": OrtDeviceVendorId.HUAWEI}


def device_type_of(name: str) -> int:
    if name not in _TYPES:
        raise Exception(f"Unsupported device type: {name}")  # noqa: TRY002: ONNX Runtime's class
    return _TYPES[name]


def require_cpu(name: str) -> None:
    if device_type_of(name.lower()) != 0:
        raise RuntimeError(f"Can't allocate memory on the device '{name}' using this package: it has the CPU only.")


class OrtDevice:
    def __init__(self, c_ort_device: Any) -> None:
        if not isinstance(c_ort_device, _CDevice):
            raise ValueError("`Provided object` needs to be of type `onnxruntime.capi.onnxruntime_pybind11_state."
                             "OrtDevice`")
        self._ort_device = c_ort_device

    def _get_c_device(self) -> _CDevice:
        return self._ort_device

    @staticmethod
    def make(ort_device_name: str, device_id: int, vendor_id: int | OrtDeviceVendorId = -1) -> OrtDevice:
        kind = device_type_of(ort_device_name)
        vendor = _VENDORS.get(ort_device_name, 0) if vendor_id < 0 else vendor_id
        return OrtDevice(_CDevice(kind, 0, int(vendor), device_id))

    def device_id(self) -> int:
        return self._ort_device.device_id()

    def device_type(self) -> int:
        return self._ort_device.device_type()

    def device_vendor_id(self) -> int:
        return self._ort_device.vendor_id()

    def device_mem_type(self) -> int:
        return self._ort_device.mem_type()


class _CDevice:
    """What ONNX Runtime's compiled module calls OrtDevice."""

    def __init__(self, device_type: int, mem_type: int, vendor_id: int, device_id: int) -> None:
        self._numbers = (device_type, mem_type, vendor_id, device_id)

    def device_type(self) -> int:
        return self._numbers[0]

    def mem_type(self) -> int:
        return self._numbers[1]

    def vendor_id(self) -> int:
        return self._numbers[2]

    def device_id(self) -> int:
        return self._numbers[3]

    @staticmethod
    def cpu() -> int:
        return 0

    @staticmethod
    def cuda() -> int:
        return 1

    @staticmethod
    def default_memory() -> int:
        return 0


class OrtMemoryInfo:
    def __init__(self, name: str, allocator_type: OrtAllocatorType, device_id: int, mem_type: OrtMemType) -> None:
        self.name = name
        self.allocator_type = allocator_type
        self.device_id = device_id
        self.mem_type = mem_type
        self.device_mem_type = OrtDeviceMemoryType.DEFAULT
        self.device_vendor_id = 0

    @staticmethod
    def create_v2(name: str, device_type: OrtMemoryInfoDeviceType, vendor_id: int, device_id: int,
                  mem_type: OrtDeviceMemoryType, alignment: int, allocator_type: OrtAllocatorType) -> OrtMemoryInfo:
        info = OrtMemoryInfo(name, allocator_type, device_id, OrtMemType.DEFAULT)
        info.device_vendor_id, info.device_mem_type = vendor_id, mem_type
        return info


class OrtArenaCfg:
    """Kept and not used: a session's memory is planned, and ends with what its plans need."""

    _names = ("max_mem", "arena_extend_strategy", "initial_chunk_size_bytes", "max_dead_bytes_per_chunk",
              "initial_growth_chunk_size_bytes", "max_power_of_two_extend_bytes")

    def __init__(self, max_mem: int | dict, arena_extend_strategy: int = -1, initial_chunk_size_bytes: int = -1,
                 max_dead_bytes_per_chunk: int = -1) -> None:
        self.max_mem = 0
        self.arena_extend_strategy = arena_extend_strategy
        self.initial_chunk_size_bytes = initial_chunk_size_bytes
        self.max_dead_bytes_per_chunk = max_dead_bytes_per_chunk
        self.initial_growth_chunk_size_bytes = -1
        self.max_power_of_two_extend_bytes = -1
        if isinstance(max_mem, dict):
            for name, value in max_mem.items():
                if name not in self._names:
                    raise RuntimeError(f"Invalid OrtArenaCfg option: {name}")
                setattr(self, name, int(value))
        else:
            self.max_mem = int(max_mem)


class OrtSyncStream:
    """The CPU has no streams: nothing makes one."""

    def __init__(self) -> None:
        raise TypeError("OrtSyncStream: No constructor defined!")

    def get_handle(self) -> int:
        raise NotImplementedError


class OrtHardwareDevice:
    def __init__(self, vendor: str, vendor_id: int) -> None:
        self.type = OrtHardwareDeviceType.CPU
        self.vendor = vendor
        self.vendor_id = vendor_id
        self.device_id = 0
        self.metadata: dict[str, str] = {}


class OrtEpDevice:
    def __init__(self, device: OrtHardwareDevice, version: str) -> None:
        self.ep_name = "CPUExecutionProvider"
        self.ep_vendor = "Kiln"
        self.ep_metadata = {"version": version}
        self.ep_options: dict[str, str] = {}
        self.device = device

    def memory_info(self, memory_type: OrtDeviceMemoryType) -> OrtMemoryInfo | None:
        return None

    def create_sync_stream(self) -> OrtSyncStream:
        raise RuntimeError("ep_device does not use DEFAULT memory of a non-CPU device.")


class OrtEpAssignedNode:
    def __init__(self, name: str, domain: str, op_type: str) -> None:
        self.name, self.domain, self.op_type = name, domain, op_type


class OrtEpAssignedSubgraph:
    def __init__(self, ep_name: str, nodes: list[OrtEpAssignedNode]) -> None:
        self.ep_name = ep_name
        self._nodes = nodes

    def get_nodes(self) -> list[OrtEpAssignedNode]:
        return list(self._nodes)


class OrtExternalInitializerInfo:
    def __init__(self, filepath: str, file_offset: int, byte_size: int) -> None:
        self.filepath, self.file_offset, self.byte_size = filepath, file_offset, byte_size


class OrtEpContextData:
    """What a compiled model of another device keeps outside it; the CPU's models keep nothing."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        return self._data[offset:] if length is None else self._data[offset:offset + length]


class OrtEpContextDataBuffer:
    def __init__(self, max_size: int = 0) -> None:
        self.max_size = max_size
        self._data: bytearray | None = None

    @property
    def size(self) -> int:
        return len(self._data) if self._data is not None else 0

    @property
    def is_allocated(self) -> bool:
        return self._data is not None

    def allocate(self, size: int) -> None:
        if size > self.max_size:
            raise ValueError(f"{size} bytes are asked for, at most {self.max_size} are allowed")
        self._data = bytearray(size)

    def write(self, data: bytes, offset: int = 0) -> None:
        if self._data is None or offset < 0 or offset + len(data) > len(self._data):
            raise ValueError("the data does not fit the buffer")
        self._data[offset:offset + len(data)] = data


@functools.lru_cache
def cpu_device() -> OrtHardwareDevice:
    vendors = {"AuthenticAMD": ("AMD", 0x1022), "GenuineIntel": ("Intel", 0x8086)}
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            line = next((line for line in file if line.startswith("vendor_id")), ":")
    except OSError:
        line = ":"
    return OrtHardwareDevice(*vendors.get(line.split(":", 1)[1].strip(), ("", 0)))


def get_ep_devices() -> list[OrtEpDevice]:
    from ._functions import __version__
    return [OrtEpDevice(cpu_device(), __version__)]


def cpu_memory_info() -> OrtMemoryInfo:
    return OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, _enums.OrtMemType.DEFAULT)


def create_and_register_allocator(memory_info: OrtMemoryInfo, arena_cfg: OrtArenaCfg | None) -> None:
    """Accepted and not used: all sessions of a process share one pool of threads and plan their memory themselves."""


def create_and_register_allocator_v2(provider_type: str, memory_info: OrtMemoryInfo, options: dict[str, str],
                                     arena_cfg: OrtArenaCfg | None) -> None:
    """As create_and_register_allocator."""
