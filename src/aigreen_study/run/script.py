"""The script of a step as a program: `python -m aigreen_study.run.script FILE`."""

from __future__ import annotations

import runpy
import sys

from aigreen_study.run.interruption import CODE, on_interrupt


def run_script(file: str) -> int:
    """Run a file of Python as the main program; return its exit code, that of Ctrl-C without a word."""
    on_interrupt()
    sys.argv = [file]
    try:
        runpy.run_path(file, run_name="__main__")
    except KeyboardInterrupt:
        return CODE
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(run_script(sys.argv[1]))
