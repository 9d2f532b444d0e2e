"""What a device ships stays small."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("KILN_BUILD_DIR", ROOT / "build"))
LIMIT = 6_000_000  # bytes


def test_the_stripped_runtime_library_is_below_6_mb(tmp_path):
    cache = BUILD / "CMakeCache.txt"
    if not cache.exists() or "CMAKE_BUILD_TYPE:STRING=Release" not in cache.read_text():
        pytest.skip("other builds are larger")
    if not shutil.which("strip"):
        pytest.skip("needs strip")
    stripped = tmp_path / "libkiln_runtime.so"
    subprocess.run(["strip", "-o", stripped, BUILD / "libkiln_runtime.so"], check=True)
    assert stripped.stat().st_size < LIMIT
