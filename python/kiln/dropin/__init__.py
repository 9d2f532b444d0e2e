"""Makes `import onnxruntime` mean Kiln, for programs that were written for ONNX Runtime.

    python -m kiln.dropin program.py arguments...     # or -m module arguments...

    import kiln.dropin
    kiln.dropin.install()
    import onnxruntime                                # is kiln.onnxruntime

Engines are kept from run to run (see kiln.onnxruntime._cache): KILN_ENGINE_CACHE=off turns that off, or names another
folder. Packages in Python that come with an installed ONNX Runtime (onnxruntime.quantization, .transformers, .tools)
are taken from there, and run on Kiln.
"""
from __future__ import annotations

import importlib
import importlib.machinery
import pkgutil
import sys

import kiln.onnxruntime
from kiln.onnxruntime import _cache

_NAME, _OURS = "onnxruntime", "kiln.onnxruntime"


def install() -> None:
    """From now on `import onnxruntime` gives kiln.onnxruntime. Fails where ONNX Runtime itself was imported before."""
    known = sys.modules.get(_NAME)
    if known is kiln.onnxruntime:
        return
    if known is not None:
        raise RuntimeError("onnxruntime was imported before kiln.dropin.install(): install first")
    take_over()


def take_over() -> None:
    """As install(), also while a module of that name is being imported: the package kiln-onnxruntime is one."""
    found = importlib.machinery.PathFinder.find_spec(_NAME)
    _alias(_OURS, _NAME)
    if found is not None:
        for folder in found.submodule_search_locations or []:
            if folder not in kiln.onnxruntime.__path__:
                kiln.onnxruntime.__path__.append(folder)
    _cache.turn_on()


def _alias(ours: str, theirs: str) -> None:
    """Enters a package and what is in it under another name too, so that no module is loaded twice."""
    package = sys.modules[theirs] = importlib.import_module(ours)
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            _alias(f"{ours}.{module.name}", f"{theirs}.{module.name}")
        else:
            sys.modules[f"{theirs}.{module.name}"] = importlib.import_module(f"{ours}.{module.name}")
