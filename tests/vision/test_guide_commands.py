"""The commands of README.md and docs/guide that name shipped models run as they stand."""

import os
from pathlib import Path

import pytest

import guide_commands

KILN = os.environ.get("KILN_CLI", str(guide_commands.ROOT / "build" / "kiln"))


@pytest.mark.parametrize("page", guide_commands.PAGES)
def test_a_page(page, tmp_path):
    folder = guide_commands.make_folder(tmp_path, KILN)
    for command in guide_commands.commands_of(page):
        if command.startswith(("make", "scripts/")):
            assert (guide_commands.ROOT / command.split()[0]).exists() or command.startswith("make ")
            continue
        if "build/models" in command and not (folder / "build" / "models").exists():
            pytest.skip("no OCR models: scripts/fetch_ocr_models.sh fetches them")
        done = guide_commands.run(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        words = command.split()
        if "-o" in words:
            assert (folder / words[words.index("-o") + 1]).stat().st_size > 0, command


@pytest.mark.parametrize("page", [f"docs/guide/{name}.md" for name in ("classify", "detect", "embed", "ocr", "pose",
                                                                     "segment")])
def test_a_page_shows_what_its_command_makes(page):
    name = Path(page).stem
    assert any(f"-o out/{name}.png" in command for command in guide_commands.commands_of(page))
    text = (guide_commands.ROOT / page).read_text(encoding="utf-8")
    assert f"]({name}.png)" in text and (guide_commands.ROOT / "docs" / "guide" / f"{name}.png").exists()
