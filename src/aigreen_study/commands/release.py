"""Write the files of a release into dist/: wheel, sdist, a study's bundle, metadata for Zenodo, checksums."""

from __future__ import annotations

import argparse

from aigreen_study.config import DEFAULT
from aigreen_study.run.project import checkout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the study whose bundle is attached."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--study", default=DEFAULT, help="built study whose bundle is attached (default: %(default)s)")
    which.add_argument("--no-bundle", action="store_true", help="attach none")


def run(given: argparse.Namespace) -> int:
    """Print the files with their sizes, and what remains to be done by hand."""
    from aigreen_study.release.release import by_hand, release

    project = checkout("release")
    study = None if given.no_bundle else given.study
    for path in release(project, study):
        print(f"{path.relative_to(project)}: {path.stat().st_size:,} bytes")
    print("\nBy hand remain:")
    for number, line in enumerate(by_hand(project, study), 1):
        print(f"{number}. {line}")
    return 0
