"""The command line program, as `kiln` or `python -m kiln`."""

import os
import sys
from pathlib import Path


def main():
    here = Path(__file__).parent
    # In an installed package the program lies in the package; in a build the package is a folder of links.
    places = [here / "bin" / "kiln", Path(__spec__.origin if __spec__ else __file__).parent.parent.parent / "kiln"]
    for program in places:
        if program.is_file():
            os.execv(program, [str(program), *sys.argv[1:]])
    sys.exit("kiln: this package was built without the command line program")


if __name__ == "__main__":
    main()
