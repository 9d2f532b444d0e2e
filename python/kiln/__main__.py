"""The command line program, as `kiln` or `python -m kiln`."""

import os
import sys
from pathlib import Path


def main():
    here = Path(__file__).parent
    # An installed package holds the program; in a build it lies two folders up.
    for program in (here / "bin" / "kiln", here.parent.parent / "kiln"):
        if program.is_file():
            os.execv(program, [str(program), *sys.argv[1:]])
    sys.exit("kiln: this package was built without the command line program")


if __name__ == "__main__":
    main()
