"""Where programs look for ONNX Runtime's exceptions."""
from . import onnxruntime_pybind11_state
