"""write_cli_docs.py PROGRAM [--check]: puts the --help of kiln's commands into docs/cli/,
and the operators into docs/ops.md.

A page of docs/cli/ keeps what else it says: only its first block of ``` is replaced, and a command without a page gets
one. With --check nothing is written, and the exit status is 1 if a page is not what the program says.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
FENCE = re.compile(r"```text\n.*?```\n", re.DOTALL)


def output_of(program, *arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KILN_")}
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def commands(program):
    """Names of the subcommands, from the program's own help."""
    listing = output_of(program, "--help").split("Subcommands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  (\w+)", listing, re.MULTILINE)


def page(name, help_text):
    """What docs/cli/NAME.md has to be."""
    path = DOCS / "cli" / f"{name}.md"
    title = "kiln" if name == "kiln" else f"kiln {name}"
    text = path.read_text() if path.exists() else f"# {title}\n\n```text\n```\n"
    block = f"```text\n{help_text.strip()}\n```\n"
    return path, FENCE.sub(lambda _: block, text, count=1)


def main():
    program, check = sys.argv[1], "--check" in sys.argv
    pages = [page("kiln", output_of(program, "--help"))]
    pages += [page(name, output_of(program, name, "--help")) for name in commands(program)]
    pages.append((DOCS / "ops.md", output_of(program, "ops", "--markdown")))
    stale = [(path, text) for path, text in pages if not path.exists() or path.read_text() != text]
    for path, text in stale:
        print(f"{path.relative_to(DOCS.parent)}: {'not what the program says' if check else 'written'}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
