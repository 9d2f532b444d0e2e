import warnings

_AVAILABLE = ["CPUExecutionProvider"]


def get_available_providers() -> list[str]:
    return list(_AVAILABLE)


def get_all_providers() -> list[str]:
    return list(_AVAILABLE)


def get_device() -> str:
    return "CPU"


def choose(providers, provider_options) -> dict[str, dict[str, str]]:
    """The providers that a session really uses, with their options, as ONNX Runtime chooses among those asked for."""
    chosen: dict[str, dict[str, str]] = {}
    options = list(provider_options or [])
    for index, entry in enumerate(providers or []):
        name, given = entry if isinstance(entry, tuple) else (entry, options[index] if index < len(options) else {})
        if name in _AVAILABLE:
            chosen[name] = {}
        else:
            warnings.warn(f"Specified provider '{name}' is not in available provider names. "
                          f"Available providers: '{', '.join(_AVAILABLE)}'", stacklevel=4)
    chosen.setdefault("CPUExecutionProvider", {})
    return chosen
