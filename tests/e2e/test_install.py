"""An install can be used as a user does: from CMake, from pkg-config."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_examples_build_and_run_against_an_install():
    build = os.path.relpath(os.environ.get("KILN_BUILD_DIR", ROOT / "build"), ROOT)
    done = subprocess.run([ROOT / "tests" / "e2e" / "install_test.sh", build], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
