import importlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(params=["kiln.onnxruntime", "onnxruntime"])
def ort(request):
    """Kiln's module, and ONNX Runtime's own where it is installed: what is true of one is true of the other."""
    try:
        return importlib.import_module(request.param)
    except ImportError:
        pytest.skip(f"{request.param} is not installed")


@pytest.fixture
def state(ort):
    return importlib.import_module(f"{ort.__name__}.capi.onnxruntime_pybind11_state")
