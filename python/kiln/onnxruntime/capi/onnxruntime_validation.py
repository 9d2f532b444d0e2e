"""What ONNX Runtime checks of its own installation; there is nothing to check here."""


def check_distro_info() -> None:
    """All distributions are the same to Kiln."""


def get_package_name_and_version_info() -> tuple[str, str, str]:
    from .._functions import cuda_version, package_name, version
    return package_name, version, cuda_version
