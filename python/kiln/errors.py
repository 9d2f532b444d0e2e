"""Errors that the Python side of Kiln raises."""
from __future__ import annotations

from . import _kiln


def error_of(code: str, text: str) -> _kiln.Error:
    """An error as the library itself raises it, with its code."""
    error = _kiln.Error(text)
    error.code = code
    return error
