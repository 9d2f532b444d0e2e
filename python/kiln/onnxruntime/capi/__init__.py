"""Where programs look for ONNX Runtime's exceptions."""
from . import onnxruntime_inference_collection, onnxruntime_pybind11_state, onnxruntime_validation
