"""Operators written in Python."""
from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Callable, Literal, NamedTuple, Sequence, Union

import numpy as np

from . import _kiln

load_plugin = _kiln.load_plugin


def get_include() -> str:
    """The folder for a C compiler's -I, to find kiln/plugin.h in."""
    installed = Path(__file__).parent / "include"
    return str(installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "include")


class TensorType(NamedTuple):
    """What is known of a tensor before a run: numpy's type and the shape, None where it is not known. A dim is a
    number, a symbol, or None."""
    dtype: Any
    shape: tuple[int | str | None, ...] | None


Infer = Union[Literal["same"], Callable[..., Any], None]


def _checked(function: Callable[..., Any]) -> Callable[[dict], dict]:
    """What picks the attributes that a function takes as keywords: all of them where it has `**attributes`."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # functions written in C need not say what they take
        return dict
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict
    known = {parameter.name for parameter in parameters if parameter.kind is not parameter.POSITIONAL_ONLY}

    def pick(attributes: dict) -> dict:
        for name in attributes:
            if name not in known:
                raise TypeError(f"the operator takes no attribute '{name}'")
        return attributes

    return pick


def _listed(results: Any, one: Callable[[Any], bool]) -> list[Any]:
    return list(results) if isinstance(results, (tuple, list)) and not one(results) else [results]


def _array(result: Any) -> np.ndarray:
    array = np.asarray(result)
    if array.dtype == object and not all(isinstance(each, (str, bytes)) for each in array.flat):
        raise TypeError(f"the operator's function gave a {type(result).__name__}, expected an array")
    return array


def register_op(name: str, function: Callable[..., Any], *, domain: str, version: int = 1, infer: Infer = None) -> None:
    """Make `function` run the nodes of operator `name` in `domain`, in models that are loaded from now on.

    It is called with an array for each input (None for one that is left out) and the node's attributes as keywords,
    and gives an array, or a tuple of them. `infer` says what the outputs will be: "same" is as the first input,
    or it is called like `function`, with a TensorType for each input, and gives TensorTypes (or pairs). Without it what
    follows the node is not planned ahead, and is slower for it. Sessions call from any thread.
    """
    pick = _checked(function)

    def run(attributes: dict, inputs: list) -> list:
        results = _listed(function(*inputs, **pick(attributes)), lambda found: isinstance(found, list))
        return [result if result is None or isinstance(result, list) else _array(result) for result in results]

    _kiln.register_op(domain, name, version, run, _infer_function(infer))


def _infer_function(infer: Infer) -> Callable[[dict, list], list] | None:
    if infer is None:
        return None
    if infer == "same":
        return lambda attributes, types: types[:1]
    if not callable(infer):
        raise TypeError(f"infer is {infer!r}, expected \"same\" or a function")
    pick = _checked(infer)

    def call(attributes: dict, types: Sequence[tuple]) -> list:
        found = infer(*(TensorType(*each) for each in types), **pick(attributes))
        is_one = isinstance(found, tuple) and len(found) == 2 and not all(isinstance(each, tuple) for each in found)
        return [found] if is_one else list(found)

    return call


def custom_op(domain: str, name: str | None = None, *, version: int = 1, infer: Infer = None) -> Callable:
    """The same as a decorator:

        @kiln.custom_op("mine", "Twice", infer="same")
        def twice(x):
            return 2 * x
    """
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        register_op(function.__name__ if name is None else name, function, domain=domain, version=version, infer=infer)
        return function

    return register
