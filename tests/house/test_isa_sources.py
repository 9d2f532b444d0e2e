"""Sources compiled for a wide instruction set bring along no code that others share: the linker could keep the wide
copy for all, and static initialisers would run it on a CPU that lacks it."""

import re
from pathlib import Path

SRC = Path(__file__).resolve().parents[2] / "src"
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
ALLOWED = {"cstddef", "cstdint", "cstring", "immintrin.h", "limits", "utility"}


def includes(path, seen):
    """All system headers that a source includes, directly or through Kiln's headers."""
    found = set()
    for quote, name in INCLUDE.findall(path.read_text()):
        if quote == "<":
            found.add(name)
        elif name not in seen:
            seen.add(name)
            found |= includes(SRC / name, seen)
    return found


def test_wide_sources_include_only_light_headers():
    sources = [path for path in SRC.rglob("*.cpp") if re.search(r"_(avx2|avx512|vnni|bf16|amx)$", path.stem)]
    assert sources
    for path in sources:
        assert includes(path, set()) <= ALLOWED, f"{path.name} includes {includes(path, set()) - ALLOWED}"
