"""ONNX Runtime's Python API on Kiln: `import kiln.onnxruntime as onnxruntime`."""
from __future__ import annotations

from . import capi
from ._adapters import AdapterFormat, LoraAdapter
from ._binding import IOBinding, SessionIOBinding
from ._compiler import ModelCompiler
from ._devices import (OrtArenaCfg, OrtDevice, OrtEpAssignedNode, OrtEpAssignedSubgraph, OrtEpContextData,
                       OrtEpContextDataBuffer, OrtEpDevice, OrtExternalInitializerInfo, OrtHardwareDevice,
                       OrtMemoryInfo, OrtSyncStream, create_and_register_allocator, create_and_register_allocator_v2,
                       get_ep_devices)
from ._enums import (ExecutionMode, ExecutionOrder, GraphOptimizationLevel, OrtAllocatorType, OrtCompileApiFlags,
                     OrtDeviceMemoryType, OrtDeviceVendorId, OrtExecutionProviderDevicePolicy, OrtHardwareDeviceType,
                     OrtMemoryInfoDeviceType, OrtMemType, OrtSparseFormat)
from ._functions import (__version__, cuda_version, disable_telemetry_events, enable_telemetry_events, get_build_info,
                         get_version_string, has_collective_ops, package_name, preload_dlls, print_debug_info,
                         register_execution_provider_library, set_global_thread_pool_sizes,
                         unregister_execution_provider_library, version)
from ._log import set_default_logger_severity, set_default_logger_verbosity
from ._options import RunOptions, SessionOptions
from ._providers import get_all_providers, get_available_providers, get_device
from ._session import InferenceSession, ModelMetadata, NodeArg, set_seed
from ._values import OrtValue, SparseTensor, copy_tensors
from .capi import onnxruntime_validation

__author__ = "Kiln"

__all__ = [name for name in dir() if not name.startswith("_") and name != "annotations"]
