"""The names that programs import from ONNX Runtime's compiled module."""
from .._adapters import AdapterFormat, LoraAdapter
from .._binding import SessionIOBinding
from .._compiler import ModelCompiler
from .._devices import (OrtArenaCfg, OrtEpAssignedNode, OrtEpAssignedSubgraph, OrtEpContextData, OrtEpContextDataBuffer,
                        OrtEpDevice, OrtExternalInitializerInfo, OrtHardwareDevice, OrtMemoryInfo, OrtSyncStream,
                        create_and_register_allocator, create_and_register_allocator_v2, get_ep_devices)
from .._devices import _CDevice as OrtDevice
from .._enums import (ExecutionMode, ExecutionOrder, GraphOptimizationLevel, OrtAllocatorType, OrtCompileApiFlags,
                      OrtDeviceMemoryType, OrtExecutionProviderDevicePolicy, OrtHardwareDeviceType,
                      OrtMemoryInfoDeviceType, OrtMemType, OrtSparseFormat)
from .._errors import (DeviceReset, EngineError, EPFail, Fail, InvalidArgument, InvalidGraph, InvalidProtobuf,
                       ModelLoadCanceled, ModelLoaded, ModelRequiresCompilation, NoModel, NoSuchFile, NotFound,
                       NotImplemented, RuntimeException)
from .._functions import (disable_telemetry_events, enable_telemetry_events, get_build_info, get_version_string,
                          has_collective_ops, register_execution_provider_library, set_global_thread_pool_sizes,
                          unregister_execution_provider_library)
from .._log import set_default_logger_severity, set_default_logger_verbosity
from .._options import RunOptions, SessionOptions
from .._providers import get_all_providers, get_available_providers, get_device
from .._session import InferenceSession, ModelMetadata, NodeArg, set_seed
from .._values import CSparseTensor as SparseTensor
from .._values import CValue as OrtValue
from .._values import OrtValueVector, SparseCooView, SparseCsrView, copy_tensors


def is_dlpack_uint8_tensor(capsule) -> bool:
    """DLPack of these days says of itself that its elements are booleans."""
    return False
