"""The commands of README.md and docs/guide that run as they stand, and a folder to run them in."""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", *sorted(str(page.relative_to(ROOT)) for page in (ROOT / "docs" / "guide").glob("*.md"))]
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def commands_of(page):
    """Each with the lines that continue it."""
    blocks = BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]


def make_folder(folder, program):
    """What the commands see of the tree: what is built, what is shipped, and where they write."""
    (folder / "build").mkdir()
    (folder / "out").mkdir()
    (folder / "assets").symlink_to(ROOT / "assets")
    (folder / "build" / "kiln").symlink_to(Path(shutil.which(program)).resolve())
    models = Path(os.environ.get("KILN_OCR_MODELS", ROOT / "build" / "models" / "rapidocr_onnxruntime" / "models"))
    if models.is_dir():
        place = folder / "build" / "models" / "rapidocr_onnxruntime"
        place.mkdir(parents=True)
        (place / "models").symlink_to(models)
    return folder


def run(command, folder):
    environment = {**os.environ, "KILN_TIMING_CACHE": str(folder / "timings")}
    return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True,
                          check=False)
