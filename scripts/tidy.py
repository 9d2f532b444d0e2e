"""tidy.py BUILD_DIR: runs clang-tidy over the sources of src/ and python/ with the flags of a build that compiles each
by itself (cmake --preset lint).

A source whose text with that of all its headers was clean before, under the same checks, is not looked at again: the
hashes of clean ones are kept in the user's cache folder.
"""

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(__file__).resolve().parent.parent
cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kiln-tidy"
version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout


@functools.cache
def included(path):
    """The files of the tree that a file includes by itself."""
    folders = [path.parent, root / "src", root / "include", root / "python" / "src"]
    found = []
    for name in re.findall(rb'^\s*#\s*include\s+"([^"]+)"', path.read_bytes(), re.MULTILINE):
        found += [folder / name.decode() for folder in folders if (folder / name.decode()).is_file()][:1]
    return found


def digest(entry):
    """Hash of a source with all that it includes, and of what it is looked at with."""
    files, new = set(), [Path(entry["file"])]
    while new:
        file = new.pop()
        if file not in files:
            files.add(file)
            new += included(file)
    text = hashlib.sha256((root / ".clang-tidy").read_bytes() + version)
    text.update(entry["command"].replace(str(root), "").encode())
    for file in sorted(files):
        text.update(file.read_bytes())
    return text.hexdigest()


def tidy(build, entry):
    """Text of what clang-tidy has to say about one source, empty when it is clean."""
    key = digest(entry)
    if (cache / key).exists():
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), entry["file"]], capture_output=True, text=True,
                          check=False)
    if done.returncode == 0 and "warning:" not in done.stdout:
        (cache / key).touch()
        return ""
    return done.stdout or done.stderr


def main():
    build = Path(sys.argv[1]).resolve()
    cache.mkdir(parents=True, exist_ok=True)
    folders = (str(root / "src") + os.sep, str(root / "python") + os.sep)
    entries = [e for e in json.loads((build / "compile_commands.json").read_text()) if e["file"].startswith(folders)]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = [text for text in pool.map(lambda entry: tidy(build, entry), entries) if text]
    for text in found:
        print(text)
    print(f"clang-tidy: {len(entries)} sources, {len(found)} with findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
