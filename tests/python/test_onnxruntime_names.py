"""Every public name of ONNX Runtime is in kiln.onnxruntime, and may be called in the same ways."""
import ast
import inspect
import re

import pytest

import kiln.onnxruntime as ours
import kiln.onnxruntime.capi.onnxruntime_pybind11_state as our_state

theirs = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed: nothing to compare with")
their_state = pytest.importorskip("onnxruntime.capi.onnxruntime_pybind11_state")

# What is left out, and why.
EXCEPTIONS = {
    "contextlib": "a module of Python's that ONNX Runtime imports and does not delete",
    "import_capi_exception": "left over from ONNX Runtime's own start-up",
    "quantization": "a package of its own, in Python, that kiln.dropin takes from an installed ONNX Runtime",
    "transformers": "as quantization",
    "tools": "as quantization",
    "backend": "as quantization",
    "datasets": "as quantization",
}
STATE_EXCEPTIONS = {
    "ArenaExtendStrategy": "inner to OrtArenaCfg", "kNextPowerOfTwo": "inner to OrtArenaCfg",
    "kSameAsRequested": "inner to OrtArenaCfg", "OrtCompiledModelCompatibility": "of compiled models of other devices",
    "OrtDeviceEpIncompatibilityReason": "of other devices",
    "SessionObjectInitializer": "inner to the binding",
    "SparseBlockSparseView": "Kiln has no block-sparse tensors",
    "get_all_operator_schema": "of the documentation tools",
    "get_all_opkernel_def": "of the documentation tools", "opkernel": "of the documentation tools",
    "schemadef": "of the documentation tools", "get_registered_ep_kernel_defs": "of the documentation tools",
    "get_compatibility_info_from_model": "of compiled models of other devices",
    "get_compatibility_info_from_model_bytes": "of compiled models of other devices",
    "get_hardware_device_ep_incompatibility_details": "of other devices", "get_hardware_devices": "of other devices",
    "get_model_compatibility_for_ep_devices": "of other devices", "get_default_session_options": "inner to the binding",
    "get_session_initializer": "inner to the binding", "pack_fp4_weights_for_cuda_moe_gemm": "of CUDA",
    "quantize_matmul_2bits": "of the quantisation tools", "quantize_matmul_4bits": "of the quantisation tools",
    "quantize_matmul_8bits": "of the quantisation tools", "quantize_matmul_bnb4": "of the quantisation tools",
    "quantize_qdq_matmul_2bits": "of the quantisation tools", "quantize_qdq_matmul_4bits": "of the quantisation tools",
}
FROM_OBJECT = set(dir(object))
SPECIAL = {"__init__", "__array__", "__dlpack__", "__dlpack_device__"}


def public(thing, inherited):
    return [name for name in dir(thing) if (not name.startswith("_") or name in SPECIAL)
            and name not in inherited]


def test_names():
    missing = [name for name in dir(theirs) if not name.startswith("_") and name not in EXCEPTIONS
               and not hasattr(ours, name)]
    assert not missing


def test_state_names():
    missing = [name for name in dir(their_state) if not name.startswith("_") and name not in STATE_EXCEPTIONS
               and not hasattr(our_state, name)]
    assert not missing


def classes():
    return [name for name in dir(theirs)
            if inspect.isclass(getattr(theirs, name)) and name not in EXCEPTIONS and not name.startswith("_")]


def members(name):
    cls = getattr(theirs, name)
    return public(cls, set(dir(int)) - SPECIAL if issubclass(cls, int) else set())


@pytest.mark.parametrize("name", classes())
def test_members(name):
    # What an instance has counts too: attributes that a constructor sets have no descriptor in the class.
    text = "".join(inspect.getsource(cls) for cls in getattr(ours, name).__mro__ if cls.__module__.startswith("kiln"))
    fields = getattr(getattr(ours, name), "_fields", {})
    sample = next(iter(getattr(getattr(ours, name), "__members__", {}).values()), getattr(ours, name))
    missing = [member for member in members(name) if not hasattr(sample, member) and member not in fields
               and not re.search(rf"self\.[\w, .]*\b{member}\b[\w, .]*(: [\w\[\], ]+)? = ", text)]
    assert not missing


def parameters(function):
    """(names of those that must be given, all, whether more may be given); of a compiled function by its docstring."""
    try:
        found = list(inspect.signature(function).parameters.values())
        named = [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        return ([p.name for p in named if p.default is p.empty], [p.name for p in named],
                len(named) != len(found), [p.name for p in named if p.kind == p.KEYWORD_ONLY])
    except (ValueError, TypeError):
        line = (function.__doc__ or "").split("\n")[0].split(" -> ")[0]
        line = re.sub(r"onnxruntime::[\w:]+", "object", line)
        try:
            arguments = ast.parse(f"def {line}: ...").body[0].args
        except SyntaxError:
            return None
        names = [a.arg for a in arguments.args]
        return names[:len(names) - len(arguments.defaults)], names, arguments.vararg is not None, []


def assert_compatible(their, our, name):
    expected, found = parameters(their), parameters(our)
    if expected is None or found is None or expected[2]:
        return
    positional = [n for n in expected[1] if n not in expected[3]]
    required, mine, more, keyword_only = found
    if more:
        return
    own_positional = [n for n in mine if n not in keyword_only]
    assert len(own_positional) >= len(positional), name
    assert len(required) <= len(expected[0]), name
    compiled = any(re.fullmatch(r"arg\d+", n) for n in positional)
    if not compiled:
        assert own_positional[:len(positional)] == positional, name
        assert set(expected[3]) <= set(mine), name


@pytest.mark.parametrize("name", [name for name in dir(theirs) if callable(getattr(theirs, name))
                                  and not inspect.isclass(getattr(theirs, name)) and not name.startswith("_")])
def test_function_signatures(name):
    assert_compatible(getattr(theirs, name), getattr(ours, name), name)


@pytest.mark.parametrize("name", classes())
def test_method_signatures(name):
    for member in members(name):
        their, our = getattr(getattr(theirs, name), member), getattr(getattr(ours, name), member, None)
        if member == "__init__" and getattr(theirs, name).__init__ is object.__init__:
            continue
        if callable(their) and callable(our) and not inspect.isclass(their):
            has_constructor = "pybind11" not in str(getattr(theirs, name).__bases__) or member != "__init__" \
                or "__init__(self" in (their.__doc__ or "")
            if has_constructor and not hasattr(getattr(theirs, name), "__members__"):
                assert_compatible(their, our, f"{name}.{member}")


@pytest.mark.parametrize("name", [name for name in classes() if hasattr(getattr(theirs, name), "__members__")])
def test_enums(name):
    expected = {key: int(value) for key, value in getattr(theirs, name).__members__.items()}
    assert {key: int(value) for key, value in getattr(ours, name).__members__.items()} == expected


def test_defaults_of_options():
    for cls in ("SessionOptions", "RunOptions"):
        their, our = getattr(theirs, cls)(), getattr(ours, cls)()
        for name in members(cls):
            if not callable(getattr(their, name)):
                found, expected = getattr(our, name), getattr(their, name)
                assert int(found) == int(expected) if hasattr(expected, "value") else found == expected, name


def test_exceptions():
    for name in dir(their_state):
        if isinstance(getattr(their_state, name), type) and issubclass(getattr(their_state, name), Exception):
            assert getattr(our_state, name).__bases__ == getattr(their_state, name).__bases__


def test_exceptions_are_needed():
    assert not [name for name in EXCEPTIONS if hasattr(ours, name)]
    assert not [name for name in STATE_EXCEPTIONS if hasattr(our_state, name)]
