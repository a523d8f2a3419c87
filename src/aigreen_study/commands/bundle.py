"""Write the replication package of a built study: one archive, the same bytes each time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from aigreen.errors import ReportError
from aigreen_study.config import MEANT, default_study


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a study, what its authors certify, and the place of the archive."""
    parser.add_argument("--study", help=f"study whose results are meant {MEANT}")
    parser.add_argument(
        "--certify",
        action="append",
        default=[],
        choices=("use", "redistribute"),
        help="tick a box of rights in the README, which only the authors can do: that they may use the data, that they "
        "may pass on those in the package; may be given twice",
    )
    parser.add_argument(
        "--without-data", action="store_true", help="of a study of your own data: leave the files of data out"
    )
    parser.add_argument(
        "--out",
        type=Path,
        help="the archive (default: dist/aigreen-STUDY-VERSION.zip, or dist/STUDY-replication.zip of your own data)",
    )


def run(given: argparse.Namespace) -> int:
    """Print what was found and the sha256 of the archive; return 1, with all reasons, where a file is refused."""
    from aigreen.data.registry.registry import sha256
    from aigreen_study.bundle.build import bundle
    from aigreen_study.bundle.files import MADE, README
    from aigreen_study.bundle.own import own_bundle
    from aigreen_study.config import CONFIG, study_file
    from aigreen_study.own.study import is_own_file

    study = given.study or default_study()
    if is_own_file(study_file(study, CONFIG)):
        path, findings, count = own_bundle(
            Path.cwd(), study, given.out, certified=given.certify, with_data=not given.without_data
        )
        for finding in findings:
            print(finding, file=sys.stderr)
        print(f"{path}: {count:,} files, {path.stat().st_size:,} bytes, sha256 {sha256(path)}")
        return 0
    if given.without_data:
        raise ReportError("--without-data is for studies of your own data; licensed files are never in a bundle")
    path, contents = bundle(Path.cwd(), study, given.out, certified=given.certify)
    for finding in contents.findings:
        print(finding, file=sys.stderr)
    count = len({*contents.places, README, *MADE})
    print(f"{path}: {count:,} files, {path.stat().st_size:,} bytes, sha256 {sha256(path)}")
    return 0
