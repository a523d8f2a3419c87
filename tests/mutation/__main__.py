"""Run mutants from the command line: `python3 run.py python -m tests.mutation --help`, at the top of the repository."""

from __future__ import annotations

import argparse
import csv
import sys

from .engine import run
from .mutants import generated, planted, sample
from .rooms import ROOMS, files_of


def main() -> None:
    """Write one line a wrong change: group, place, what was changed, the test that fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("group", nargs="?", choices=["planted", *ROOMS], default="planted")
    parser.add_argument("--count", type=int, default=30, help="how many of the group (default: %(default)s)")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many of those chosen")
    parser.add_argument("--file", action="append", help="only these files")
    given = parser.parse_args()
    if given.group == "planted":
        chosen = [one for one in planted() if not given.file or one.path in given.file]
    else:
        files = given.file or files_of(given.group)
        chosen = sample([mutant for path in files for mutant in generated(path)], given.count)
    out = csv.writer(sys.stdout, lineterminator="\n")
    for outcome in run(chosen[given.skip :]):
        mutant = outcome.mutant
        row = (given.group, mutant.path, mutant.line, mutant.before.strip(), mutant.after.strip(), outcome.killed_by)
        out.writerow([*row, f"{outcome.seconds:.1f}"])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
