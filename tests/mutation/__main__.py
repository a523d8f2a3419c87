"""Run wrong changes from the command line: `python3 run.py python -m tests.mutation`, at the top of the repository.

One line of csv a change: group, file, line, what was there, what was put there, the test that fails, seconds.
"""

from __future__ import annotations

import argparse
import csv
import sys

from .engine import run
from .mutants import Mutant, generated, planted, sample
from .rooms import SAMPLE, files_of, group_of

COLUMNS = ("group", "file", "line", "before", "after", "killed_by", "seconds")


def chosen(groups: list[str]) -> list[Mutant]:
    """Return the sample of some groups, or the list, in the order in which they are run."""
    mutants = []
    for group in groups:
        if group == "planted":
            mutants += planted()
        else:
            mutants += sample([one for path in files_of(group) for one in generated(path)], SAMPLE[group])
    return mutants if groups == ["planted"] else sorted(mutants, key=lambda mutant: mutant.digest)


def main() -> None:
    """Write a line for each change as soon as its tests have run."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", help=f"planted, or some of {', '.join(SAMPLE)} (default: all of these)")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many, which ran before")
    parser.add_argument("--count", type=int, help="then run so many at most")
    parser.add_argument("--nearest", action="store_true", help="run the tests of the room itself alone")
    given = parser.parse_args()
    mutants = chosen(given.groups or list(SAMPLE))[given.skip :][: given.count]
    out = csv.writer(sys.stdout, lineterminator="\n")
    for outcome in run(mutants, nearest=given.nearest):
        one = outcome.mutant
        place = (group_of(one.path), one.path, one.line)
        out.writerow([*place, one.before.strip(), one.after.strip(), outcome.killed_by, f"{outcome.seconds:.0f}"])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
