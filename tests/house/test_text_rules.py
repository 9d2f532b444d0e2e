"""Holds the plain rules of the tree's text: nothing left to do, plain ASCII code, no path of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = (".hpp", ".cpp", ".h", ".c", ".py", ".sh", ".cmake")
# Written so that this file does not match itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(wo" r"rk|ho" r"me|ro" r"ot)/\w")


def tree_files():
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            capture_output=True, check=True)
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name]


def faults(name, text):
    """What the rules have against a file, as a list of text."""
    found = []
    code = name.endswith(CODE) or name.endswith("CMakeLists.txt")
    for number, line in enumerate(text.splitlines(), 1):
        if code and UNFINISHED.search(line):
            found.append(f"{name}:{number}: unfinished")
        if code and not line.isascii():
            found.append(f"{name}:{number}: not ASCII")
        if code and len(line) > 120:
            found.append(f"{name}:{number}: {len(line)} columns, at most 120")
        if code and line.rstrip() != line:
            found.append(f"{name}:{number}: blanks at the end of the line")
        if MACHINE_PATH.search(line):
            found.append(f"{name}:{number}: a path of one machine")
    return found


def test_the_tree():
    found = []
    for path in tree_files():
        if not path.is_file():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += faults(str(path.relative_to(ROOT)), text)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name, line, complaint", [
    ("a.cpp", "int a = 1;", None),
    ("a.md", "caf\u00e9", None),
    ("a.cpp", "// TO" "DO: later", "unfinished"),
    ("a.cpp", "// caf\u00e9", "not ASCII"),
    ("a.cpp", "int a = 1; ", "blanks"),
    ("a.cpp", "x" * 121, "columns"),
    ("a.md", "see /ho" "me/me/file", "path of one machine"),
])
def test_the_rule_itself(name, line, complaint):
    found = faults(name, line)
    if complaint is None:
        assert not found
    else:
        assert len(found) == 1 and complaint in found[0]
