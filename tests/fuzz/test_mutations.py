"""Mutated models, tensors and engines end in an answer or an Error: no crash, none over 5 s or 1 GiB.

KILN_MUTANTS says how many of each are tried (500 unless said otherwise; under sanitizers the same).
"""
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import make_corpus  # noqa: E402

PROGRAM = Path(os.environ.get("KILN_BUILD_DIR", Path(__file__).parents[2] / "build")) / "tests" / "kiln_mutate"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    assert make_corpus.write_corpus(folder) > 2000
    return folder


@pytest.mark.skipif(not PROGRAM.exists(), reason="needs the program kiln_mutate (cmake --build)")
@pytest.mark.parametrize("kind", ["--models", "--tensors", "--engines"])
def test_mutants(corpus, kind):
    count = os.environ.get("KILN_MUTANTS", "500")
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    counts = {"--models": "0", "--tensors": "0", "--engines": "0", kind: count}
    done = subprocess.run([str(PROGRAM), str(corpus), *sum(counts.items(), ())], capture_output=True, text=True,
                          env=environment)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert " 0 at fault" in done.stdout
