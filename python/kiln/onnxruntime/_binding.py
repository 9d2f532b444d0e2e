"""IOBinding: inputs and outputs that stay bound from run to run."""
from __future__ import annotations

from typing import Any, Sequence

import numpy as np

from . import _devices
from ._values import CValue, OrtValue, OrtValueVector, array_at, from_run, to_run


class SessionIOBinding:
    """What ONNX Runtime's compiled module binds by; IOBinding is the interface."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.feed: dict[str, Any] = {}
        self.names: list[str] = []
        self.buffers: dict[str, np.ndarray] = {}
        self.into: list[np.ndarray | None] | None = None
        self.results: list[Any] = []

    def bind_input(self, name: str, *what: Any) -> None:
        """An array, or (device, element type, shape, address)."""
        if name not in self._session._by_name:
            raise RuntimeError(f"Failed to find NodeArg with name: {name} in the def list")
        if len(what) == 1:
            if not isinstance(what[0], np.ndarray):
                raise RuntimeError("Unable to create OrtValue from the given python object")
            self.feed[name] = what[0]
        else:
            device, element_type, shape, pointer = what
            self.feed[name] = array_at(pointer, element_type, shape)

    def bind_ortvalue_input(self, name: str, value: CValue) -> None:
        if name not in self._session._by_name:
            raise RuntimeError(f"Failed to find NodeArg with name: {name} in the def list")
        self.feed[name] = to_run(value.content)

    def bind_output(self, name: str, device: Any = None, element_type: Any = None, shape: Sequence[int] | None = None,
                    pointer: int | None = None) -> None:
        self._bind(name, None if pointer is None else array_at(pointer, element_type, shape or []))

    def bind_ortvalue_output(self, name: str, value: CValue) -> None:
        self._bind(name, value._array())

    def _bind(self, name: str, buffer: np.ndarray | None) -> None:
        if name not in self.names:
            self.names.append(name)
        self.buffers.pop(name, None)
        if buffer is not None:
            self.buffers[name] = buffer
        self.into = [self.buffers.get(name) for name in self.names] if self.buffers else None

    def clear_binding_inputs(self) -> None:
        self.feed = {}

    def clear_binding_outputs(self) -> None:
        self.names, self.buffers, self.into, self.results = [], {}, None, []

    def synchronize_inputs(self) -> None:
        """The CPU's memory is always there."""

    def synchronize_outputs(self) -> None:
        """The CPU's memory is always there."""

    def get_outputs(self) -> OrtValueVector:
        types = {node.name: node.type for node in self._session._outputs}
        return OrtValueVector(from_run(result, types[name]) for name, result in zip(self.names, self.results))

    def copy_outputs_to_cpu(self) -> list[Any]:
        return [np.array(result) if isinstance(result, np.ndarray) else result for result in self.results]


class IOBinding:
    def __init__(self, session: Any) -> None:
        self._iobinding = SessionIOBinding(session)
        self._numpy_obj_references: dict[str, Any] = {}

    def bind_cpu_input(self, name: str, arr_on_cpu: np.ndarray) -> None:
        """The array is read at each run."""
        self._iobinding.bind_input(name, arr_on_cpu)

    def bind_input(self, name: str, device_type: str, device_id: int, element_type: Any, shape: Sequence[int],
                   buffer_ptr: int) -> None:
        """The memory at `buffer_ptr`, which the caller keeps alive."""
        device = self._cpu(device_type, device_id, "input")
        self._iobinding.bind_input(name, device, element_type, shape, buffer_ptr)

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        self._iobinding.bind_ortvalue_input(name, ortvalue._get_c_value())

    def bind_output(self, name: str, device_type: str = "cpu", device_id: int = 0, element_type: Any = None,
                    shape: Sequence[int] | None = None, buffer_ptr: int | None = None) -> None:
        """Memory for an output; without `buffer_ptr` each run makes its own."""
        device = self._cpu(device_type, device_id, "output")
        if buffer_ptr is None:
            self._iobinding.bind_output(name, device)
        elif element_type is None or shape is None:
            raise ValueError("`element_type` and `shape` are to be provided if pre-allocated memory is provided")
        else:
            self._iobinding.bind_output(name, device, element_type, shape, buffer_ptr)

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        self._iobinding.bind_ortvalue_output(name, ortvalue._get_c_value())

    @staticmethod
    def _cpu(device_type: str, device_id: int, what: str) -> _devices._CDevice:
        if _devices.device_type_of(device_type) != 0:
            raise RuntimeError(f"Error when binding {what}: There's no data transfer registered for the device "
                               f"'{device_type}'")
        return _devices.OrtDevice.make(device_type, device_id)._get_c_device()

    def synchronize_inputs(self) -> None:
        self._iobinding.synchronize_inputs()

    def synchronize_outputs(self) -> None:
        self._iobinding.synchronize_outputs()

    def get_outputs(self) -> list[OrtValue]:
        return [OrtValue(value) for value in self._iobinding.get_outputs()]

    def get_outputs_as_ortvaluevector(self) -> OrtValueVector:
        return self._iobinding.get_outputs()

    def copy_outputs_to_cpu(self) -> list[Any]:
        return self._iobinding.copy_outputs_to_cpu()

    def clear_binding_inputs(self) -> None:
        self._iobinding.clear_binding_inputs()

    def clear_binding_outputs(self) -> None:
        self._iobinding.clear_binding_outputs()
