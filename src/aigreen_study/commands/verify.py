"""Hold the results of a study against its accepted values, without rebuilding anything."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from aigreen_study.config import MEANT, default_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study, and whether to build it again."""
    parser.add_argument("--study", help=f"study whose results are meant {MEANT}")
    parser.add_argument("--twice", action="store_true", help="also rebuild in a temporary copy and compare all bytes")


def run(given: argparse.Namespace) -> int:
    """Print the classes and the worst cells; write the certificate; return 1 unless full or minor differences.

    Files that are not as the workflow wrote them are named, whatever their cells.
    """
    from aigreen_study.trust.accepted import accepted_files, built_files
    from aigreen_study.trust.certificate import WORST, compare

    study = given.study or default_study()
    project = Path.cwd()
    found = built_files(project, study)
    whole = _as_written(project, study)
    certificate = compare(study, accepted_files(project, study), found)
    certificate.write(project / "results" / study)
    for name, verdict in certificate.exhibits.items():
        counts = certificate.counts(name)
        print(f"{name}: {verdict} ({', '.join(f'{count} {kind}' for kind, count in counts.items() if count)})")
    if certificate.changed:
        print(f"worst {min(WORST, len(certificate.changed))} of {len(certificate.changed):,}:")
        print(*(f"  {line}" for line in certificate.worst()), sep="\n")
    print(f"{study}: {certificate.overall} ({len(certificate.comparisons):,} cells and numbers)")
    same = _same_again(project, study) if given.twice else True
    return 0 if certificate.reproduced and whole and same else 1


def _as_written(project: Path, study: str) -> bool:
    from aigreen_study.trust.sums import SUMS, changed_results

    results = project / "results" / study
    if not any((results / SUMS).rglob("*.sha256")):
        print(f"{study}: whether files are as the workflow wrote them is not known, for want of results/{study}/{SUMS}")
        return True
    lines = changed_results(results)
    for line in lines:
        print(f"  {line}")
    print(f"{study}: {len(lines):,} files changed since the workflow wrote them")
    return not lines


def _same_again(project: Path, study: str) -> bool:
    from aigreen_study.trust.rebuild import differing_files, rebuild

    with tempfile.TemporaryDirectory(prefix="aigreen-") as folder:
        print(f"{study}: building again in {folder}", file=sys.stderr)
        again = rebuild(project, study, Path(folder))
        n_files, differing = differing_files(project / "results" / study, again)
    for line in differing:
        print(f"  {line}")
    print(f"{study}: built twice, {n_files - len(differing):,} of {n_files:,} files have the same bytes")
    return not differing
