"""Print the codebook of a panel, or the columns of the canonical tables."""

from __future__ import annotations

import argparse
from pathlib import Path

from aigreen.data import canonical
from aigreen.errors import SourceError, did_you_mean
from aigreen_study.config import CONFIG, studies


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study."""
    parser.add_argument("--study", help="study whose panel is meant; without it, the canonical tables")


def run(given: argparse.Namespace) -> int:
    """Print the codebook of a built panel, or the columns of the canonical tables, as csv."""
    if given.study is None:
        print(canonical.describe().to_csv(index=False), end="")
        return 0
    path = Path("results") / given.study / "codebook.csv"
    if not path.is_file():
        known = studies(CONFIG)
        unknown = given.study not in known
        near = did_you_mean(given.study, known) if unknown else f"; build the panel of {given.study!r} first"
        raise SourceError(f"no file {path}{near}")
    print(path.read_text(encoding="utf-8"), end="")
    return 0
