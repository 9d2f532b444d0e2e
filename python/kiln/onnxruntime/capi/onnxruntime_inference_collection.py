"""The names that programs import from the module that defines ONNX Runtime's classes in Python."""
from . import onnxruntime_pybind11_state as C
from .._adapters import AdapterFormat
from .._binding import IOBinding
from .._compiler import ModelCompiler
from .._devices import OrtDevice
from .._devices import device_type_of as get_ort_device_type
from .._enums import OrtDeviceVendorId
from .._session import InferenceSession, Session
from .._values import OrtValue, SparseTensor, copy_tensors
