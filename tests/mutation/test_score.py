"""How many of a sample of wrong changes the fast tests of a room see: a job of its own, hours on two cores.

    python3 run.py test -n 0 -m mutation -s tests/mutation

prints each change that no test saw. `aigreen` is run without public data of others, so that what is seen is seen by
tests of the project. docs/faults.md has the score.
"""

import csv
import io
import os
import subprocess
import sys

import pytest

from .__main__ import COLUMNS
from .mutants import ROOT
from .rooms import SAMPLE

pytestmark = pytest.mark.mutation
GOAL = 0.97


def ran(*groups):
    """Run the changes of some groups in a process of its own; rows of the table."""
    environment = os.environ | {"AIGREEN_SHARED": os.devnull}
    command = [sys.executable, "-m", "tests.mutation", *groups]
    text = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    return list(csv.DictReader(io.StringIO(text), COLUMNS))


def told(rows):
    lines = [f"{row['file']}:{row['line']}: {row['before']} -> {row['after']}" for row in rows if not row["killed_by"]]
    return "\n".join([f"{len(rows) - len(lines)} of {len(rows)} seen; not seen:", *lines])


def test_every_planted_change_is_seen():
    rows = ran("planted")
    assert all(row["killed_by"] for row in rows), told(rows)


def test_the_score_of_the_sample():
    rows = ran()
    print(told(rows))
    seen = sum(bool(row["killed_by"]) for row in rows)
    assert len(rows) == sum(SAMPLE.values())
    assert seen >= GOAL * len(rows), told(rows)
