"""python -m kiln.dropin program.py arguments..., or -m module arguments...: runs a program with Kiln as onnxruntime."""
import os
import runpy
import sys

from . import install


def main() -> None:
    arguments = sys.argv[1:]
    is_module = arguments[:1] == ["-m"]
    if not arguments or (is_module and len(arguments) < 2):
        sys.exit("usage: python -m kiln.dropin (program.py | -m module) [arguments...]")
    install()
    if is_module:
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        # As Python does for a program: its own folder comes first.
        sys.path[0] = os.path.dirname(os.path.abspath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main()
