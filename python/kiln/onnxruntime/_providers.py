from __future__ import annotations

import warnings

_AVAILABLE = ["CPUExecutionProvider"]


def get_available_providers() -> list[str]:
    return list(_AVAILABLE)


def get_all_providers() -> list[str]:
    return list(_AVAILABLE)


def get_device() -> str:
    return "CPU"


def _pairs(providers, provider_options) -> list[tuple[str, dict]]:
    if isinstance(providers, str):
        raise ValueError("'providers' should be a sequence, not a string")
    providers = list(providers or [])
    if provider_options is not None and providers and len(provider_options) != len(providers):
        raise ValueError("'providers' and 'provider_options' should be the same length if both are given.")
    pairs = []
    for index, entry in enumerate(providers):
        name, options = entry if isinstance(entry, tuple) else (entry, (provider_options or {index: {}})[index])
        if not isinstance(name, str) or not isinstance(options, dict):
            raise ValueError("'providers' values must be either strings or (string, dict) tuples.")
        pairs.append((name, options))
    return pairs


def choose(providers, provider_options) -> dict[str, dict[str, str]]:
    """The providers that a session really uses, with their options. A name that this build does not have is warned of,
    and what cannot be understood falls back to the CPU, as in ONNX Runtime."""
    try:
        pairs = _pairs(providers, provider_options)
    except ValueError as error:
        print(f"EP Error {error} when using {providers}\nFalling back to {_AVAILABLE} and retrying.")
        pairs = []
    for name, _ in pairs:
        if name not in _AVAILABLE:
            warnings.warn(f"Specified provider '{name}' is not in available provider names. "
                          f"Available providers: '{', '.join(_AVAILABLE)}'", UserWarning, stacklevel=4)
    return {"CPUExecutionProvider": {}}
