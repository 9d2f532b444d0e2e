"""The type stubs say what the compiled module has: the same names, and for each function the same arguments."""
import ast
import re
from pathlib import Path

import pytest

import kiln
from kiln import _kiln, _vision

MODULES = [_kiln, _vision]


def stub_of(module):
    return ast.parse((Path(kiln.__file__).parent / f"{module.__name__.rsplit('.', 1)[-1]}.pyi").read_text())


def members(body):
    names = {}
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign):
            names[node.target.id] = node
    return names


def public(thing):
    return {name for name in vars(thing) if not name.startswith("_")}


def arguments(function: ast.FunctionDef):
    return [argument.arg for argument in function.args.args]


def signature_names(function):
    """The argument names that nanobind writes in the first line of a docstring, or None where it writes none."""
    signature = (getattr(function, "__doc__", None) or "").split("\n")[0]
    if "(" not in signature:
        return None
    signature = re.sub(r"ndarray\[[^\]]*\]", "ndarray", signature)
    module = ast.parse(f"def {signature}: ..." if "->" in signature else f"def {signature} -> None: ...")
    return arguments(module.body[0])


@pytest.mark.parametrize("module", MODULES)
def test_the_module_has_what_the_stub_says(module):
    stated = members(stub_of(module).body)
    assert {name for name in stated if not name.startswith("_")} == public(module)
    for name, node in stated.items():
        if isinstance(node, ast.FunctionDef):
            found = signature_names(getattr(module, name))
            assert found is None or found == arguments(node), name


@pytest.mark.parametrize("module", MODULES)
def test_the_classes_have_what_the_stub_says(module):
    for name, node in members(stub_of(module).body).items():
        if not isinstance(node, ast.ClassDef) or name == "Error":
            continue
        thing = getattr(module, name)
        stated = members(node.body)
        assert {member for member in stated if not member.startswith("_")} == public(thing), name
        for member, function in stated.items():
            if not isinstance(function, ast.FunctionDef) or function.decorator_list:
                continue
            found = signature_names(getattr(thing, member))
            assert found is None or found == arguments(function), f"{name}.{member}"


def test_the_package_is_typed():
    assert (Path(kiln.__file__).parent / "py.typed").exists()
