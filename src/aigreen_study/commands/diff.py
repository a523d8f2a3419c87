"""Show the numbers and table cells that changed since a revision's accepted values."""

from __future__ import annotations

import argparse
from pathlib import Path

from aigreen_study.config import MEANT, default_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a git revision and a study."""
    parser.add_argument("revision", help="git revision whose paper/expected is meant, such as a tag or HEAD")
    parser.add_argument("--study", help=f"study whose results are meant {MEANT}")


def run(given: argparse.Namespace) -> int:
    """Print each changed cell with both values; return 0."""
    from aigreen_study.trust.accepted import built_files, files_at
    from aigreen_study.trust.certificate import compare, explain

    study = given.study or default_study()
    project = Path.cwd()
    found = built_files(project, study)
    certificate = compare(study, files_at(project, study, given.revision), found)
    changed, n_cells = certificate.changed, len(certificate.comparisons)
    for comparison in changed:
        print(f"{comparison.verdict}: {explain(comparison)}")
    print(f"{study}: {len(changed):,} of {n_cells:,} changed since {given.revision}")
    return 0
