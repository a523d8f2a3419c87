"""Take the results of a study as its accepted values, with the reason why they changed."""

from __future__ import annotations

import argparse
from pathlib import Path

from aigreen_study.config import MEANT, default_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study and the reason."""
    parser.add_argument("--study", help=f"study whose results are meant {MEANT}")
    parser.add_argument("--reason", required=True, help="why the values changed; goes to paper/expected/accepted.csv")


def run(given: argparse.Namespace) -> int:
    """Copy the results' numbers and tables to paper/expected and log the reason."""
    from aigreen_study.trust.accepted import accept

    study = given.study or default_study()
    changed = accept(Path.cwd(), study, given.reason)
    print(f"{study}: accepted, {changed:,} cells and numbers changed")
    return 0
