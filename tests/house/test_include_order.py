"""Holds the order of the rooms: a source includes only its own room and those before it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ["base", "images", "tensor", "graph", "ops", "kernels", "tactics", "runtime", "passes", "formats", "check",
         "builder", "backends", "api", "vision", "serving", "cli"]
# Rooms that stand on the public API know only these of the rooms before them.
NARROW = {"vision": {"base", "images", "vision"}}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def violations(src):
    """Every include under the folder `src` that breaks the order, as text."""
    found = []
    for path in sorted(src.rglob("*")):
        if path.suffix not in (".hpp", ".cpp", ".h", ".inl"):
            continue
        parts = path.relative_to(src).parts
        place = "/".join(parts)
        if len(parts) == 1 or parts[0] not in ROOMS:
            found.append(f"{place}: lies in no known room")
            continue
        for quote, name in INCLUDE.findall(path.read_text()):
            room = name.split("/")[0]
            if quote == "<":
                if room in ROOMS and (src / name).exists():
                    found.append(f'{place}: <{name}> is a header of Kiln, write "{name}"')
            elif room == "kiln":
                continue
            elif room not in ROOMS or not (src / name).exists():
                found.append(f'{place}: "{name}" is not a path from src/')
            elif ROOMS.index(room) > ROOMS.index(parts[0]):
                found.append(f'{place}: room {parts[0]} may not know room {room} ("{name}")')
            elif room not in NARROW.get(parts[0], {room}):
                found.append(f'{place}: room {parts[0]} stands on the public API, not on room {room} ("{name}")')
    return found


def test_rooms_include_only_rooms_before_them():
    assert not violations(ROOT / "src")


def test_public_headers_include_only_public_headers():
    for path in sorted((ROOT / "include" / "kiln").rglob("*.h*")):
        for quote, name in INCLUDE.findall(path.read_text()):
            assert quote == "<" or name.startswith("kiln/"), f"{path.name} includes {name}"


@pytest.mark.parametrize("file, include, complaint", [
    ("graph/node.hpp", '"base/error.hpp"', None),
    ("graph/node.hpp", '"graph/dim.hpp"', None),
    ("graph/node.hpp", '"kiln/error.hpp"', None),
    ("graph/node.hpp", "<vector>", None),
    ("base/error.hpp", '"graph/dim.hpp"', "may not know room graph"),
    ("base/error.hpp", "<graph/dim.hpp>", "is a header of Kiln"),
    ("graph/node.hpp", '"dim.hpp"', "not a path from src/"),
    ("graph/node.hpp", '"graph/absent.hpp"', "not a path from src/"),
    ("vision/ocr.cpp", '"base/error.hpp"', None),
    ("vision/ocr.cpp", '"graph/dim.hpp"', "stands on the public API"),
    ("attic/old.hpp", "<vector>", "no known room"),
    ("stray.cpp", "<vector>", "no known room"),
])
def test_the_rule_itself(tmp_path, file, include, complaint):
    for name in ("base/error.hpp", "graph/dim.hpp"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(f"#pragma once\n#include {include}\n")
    found = violations(tmp_path)
    if complaint is None:
        assert not found
    else:
        assert len(found) == 1 and complaint in found[0]
