"""tidy.py BUILD_DIR: runs clang-tidy over the sources of src/ and python/ with the flags of a build that compiles each
by itself (cmake --preset lint).

A source whose text with all its headers was clean before, under the same checks, is not looked at again: the hashes of
clean ones are kept in the user's cache folder.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

root = Path(__file__).resolve().parent.parent
cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kiln-tidy"


def digest(entry):
    """Hash of a source after the preprocessor, None where that fails."""
    words = shlex.split(entry["command"])
    if Path(words[0]).name == "ccache":
        words = words[1:]
    output = words.index("-o")
    words = ["clang++", *words[1:output], *words[output + 2:]]
    words[words.index("-c")] = "-E"
    done = subprocess.run(words, cwd=entry["directory"], capture_output=True, check=False)
    if done.returncode:
        return None
    text = done.stdout.replace(str(root).encode(), b"")
    return hashlib.sha256((root / ".clang-tidy").read_bytes() + text).hexdigest()


def tidy(build, entry):
    """Text of what clang-tidy has to say about one source, empty when it is clean."""
    key = digest(entry)
    if key and (cache / key).exists():
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", str(build), entry["file"]], capture_output=True, text=True,
                          check=False)
    if done.returncode == 0 and "warning:" not in done.stdout:
        if key:
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
