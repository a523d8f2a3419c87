"""Download patent publications from BigQuery, with a project of your own that is charged for the scan."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

FOLDER = Path("data/restricted/google")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the project, and what to download."""
    parser.add_argument("--project", required=True, help="Google Cloud project that is charged")
    parser.add_argument("--offices", nargs="+", default=["CN"], help="offices of publication (default: CN)")
    parser.add_argument("--years", nargs=2, type=int, metavar=("FIRST", "LAST"), help="years of filing (default: all)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write to (default: %(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the SQL and what tells its cost; ask nothing")


def run(given: argparse.Namespace) -> int:
    """Write the publications as Parquet files and print their names."""
    from aigreen.data.registry.bigquery import connect, download, download_script

    years = tuple(given.years) if given.years else None
    if given.dry_run:
        print(download_script(given.project, offices=given.offices, years=years))
        return 0
    backend = connect(given.project)
    for path in download(backend, given.out, offices=given.offices, years=years, progress=sys.stderr.isatty()):
        print(path)
    return 0
