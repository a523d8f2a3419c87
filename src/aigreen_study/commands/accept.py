"""Take the results of a study as its accepted values, with the reason why they changed."""

from __future__ import annotations

import argparse
from pathlib import Path

from aigreen_study.config import default_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study and the reason."""
    parser.add_argument("--study", default=default_study(), help="study whose results are meant (default: %(default)s)")
    parser.add_argument("--reason", required=True, help="why the values changed; goes to paper/expected/accepted.csv")


def run(given: argparse.Namespace) -> int:
    """Copy the results' numbers and tables to paper/expected and log the reason."""
    from aigreen_study.trust.accepted import accept

    changed = accept(Path.cwd(), given.study, given.reason)
    print(f"{given.study}: accepted, {changed:,} cells and numbers changed")
    return 0
