"""Makes the pictures of docs/guide: what the first command of each page draws.

    python tests/vision/make_guide_pictures.py build/kiln
"""

import shutil
import sys
import tempfile
from pathlib import Path

import guide_commands


def main():
    for page in guide_commands.PAGES:
        name = Path(page).stem
        wanted = [command for command in guide_commands.commands_of(page) if f"-o out/{name}.png" in command]
        for command in wanted:
            with tempfile.TemporaryDirectory() as temporary:
                folder = guide_commands.make_folder(Path(temporary), sys.argv[1])
                done = guide_commands.run(command, folder)
                if done.returncode != 0:
                    sys.exit(f"{command}\n{done.stderr}")
                shutil.copy(folder / "out" / f"{name}.png", guide_commands.ROOT / "docs" / "guide" / f"{name}.png")


if __name__ == "__main__":
    main()
