"""Execution providers: there is one, the CPU's."""
from __future__ import annotations

import warnings

_AVAILABLE = ["CPUExecutionProvider"]
_ALL = [
    "NvTensorRTRTXExecutionProvider", "TensorrtExecutionProvider", "CUDAExecutionProvider",
    "MIGraphXExecutionProvider", "OpenVINOExecutionProvider", "DnnlExecutionProvider", "VitisAIExecutionProvider",
    "QNNExecutionProvider", "NnapiExecutionProvider", "VSINPUExecutionProvider", "JsExecutionProvider",
    "CoreMLExecutionProvider", "ACLExecutionProvider", "DmlExecutionProvider", "RknpuExecutionProvider",
    "WebNNExecutionProvider", "WebGpuExecutionProvider", "XnnpackExecutionProvider", "CANNExecutionProvider",
    "AzureExecutionProvider", "CPUExecutionProvider",
]


def get_available_providers() -> list[str]:
    return list(_AVAILABLE)


def get_all_providers() -> list[str]:
    """All that ONNX Runtime knows of, in its order."""
    return list(_ALL)


def get_device() -> str:
    return "CPU"


def _pairs(providers, provider_options) -> dict[str, dict]:
    """What is asked for of what there is and what ONNX Runtime has elsewhere; a name is warned of where it is not."""
    if isinstance(providers, (str, bytes)) or not hasattr(providers, "__iter__"):
        raise ValueError("'providers' should be a sequence.")
    providers = list(providers)
    if provider_options is not None:
        if len(provider_options) != len(providers):
            raise ValueError("'providers' and 'provider_options' should be the same length if both are given.")
        if not all(isinstance(name, str) for name in providers):
            raise ValueError("Only string values for 'providers' are supported if 'provider_options' is given.")
        if not all(isinstance(options, dict) for options in provider_options):
            raise ValueError("'provider_options' values must be dicts.")
        providers = list(zip(providers, provider_options))
    pairs: dict[str, dict] = {}
    for entry in providers:
        name, options = (entry, {}) if isinstance(entry, str) else entry if _is_pair(entry) else (None, None)
        if not isinstance(name, str) or not isinstance(options, dict):
            raise ValueError("'providers' values must be either strings or (string, dict) tuples.")
        if name not in _AVAILABLE:
            warnings.warn(f"Specified provider '{name}' is not in available provider names. "
                          f"Available providers: '{', '.join(_AVAILABLE)}'", UserWarning, stacklevel=5)
        elif name in pairs:
            warnings.warn(f"Duplicate provider '{name}' encountered, ignoring.", UserWarning, stacklevel=5)
        pairs.setdefault(name, options)
    return pairs


def _is_pair(entry) -> bool:
    return isinstance(entry, tuple) and len(entry) == 2


def choose(providers, provider_options, enable_fallback: bool = True) -> dict[str, dict[str, str]]:
    """The providers that a session really uses, with their options. What ONNX Runtime has elsewhere is passed over; a
    name that nobody knows, or what cannot be understood, falls back to the CPU, saying so, as in ONNX Runtime."""
    if not providers:
        return {"CPUExecutionProvider": {}}
    try:
        require_known(providers, provider_options)
    except (ValueError, RuntimeError) as error:
        if not enable_fallback:
            raise
        line = "*" * 15 + " EP Error " + "*" * 15
        print(f"{line}\nEP Error {error} when using {providers}\nFalling back to {_AVAILABLE} and retrying.\n"
              + "*" * len(line))
    return {"CPUExecutionProvider": {}}


def require_known(providers, provider_options) -> None:
    for name in _pairs(providers, provider_options):
        if name not in _ALL:
            raise RuntimeError(f"Unknown Provider Type: {name}")
