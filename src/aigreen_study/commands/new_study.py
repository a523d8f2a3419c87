"""Look at a file of data and write the file of a study of it."""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from aigreen.errors import ReportError
from aigreen_study.config import CONFIG


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a file of data and its columns."""
    parser.add_argument("file", type=Path, help="one row a unit and period: csv, xlsx, dta or parquet")
    parser.add_argument("--unit", required=True, help="column of the units")
    parser.add_argument("--time", required=True, help="column of the periods: whole numbers, dates, quarters, months")
    parser.add_argument("--cohort", required=True, help="column of the first treated period; empty or 0 for never")
    parser.add_argument("--outcome", required=True, help="column of the outcome, as it enters linear models")
    parser.add_argument("--name", help="name of the study (default: that of the file of data)")


def run(given: argparse.Namespace) -> int:
    """Write NAME.yaml here, or among the studies of a checkout; say what was found and what to run next.

    Raises
    ------
    DataError
        A subclass, where the file is no panel.
    ReportError
        The study is there already, or the file's name cannot be printed.
    """
    from aigreen.data.sources.own_file import own_labels, read_own
    from aigreen.disk import write_bytes
    from aigreen_study.own.letters import printable, rule
    from aigreen_study.own.look import look
    from aigreen_study.own.outline import outline

    if not printable(given.file.name):
        raise ReportError(f"{given.file}: rename the file: its name stands in the paper, and {rule()}")
    name = given.name or re.sub(r"[^a-z0-9]+", "-", given.file.stem.lower()).strip("-")
    name = name if name[:1].isalpha() else f"study-{name}".rstrip("-")
    checkout = Path("Snakefile").is_file() and CONFIG.is_dir()
    path = (CONFIG if checkout else Path()) / f"{name}.yaml"
    roles = {"unit": given.unit, "time": given.time, "cohort": given.cohort}
    found = look(read_own(given.file), roles, given.outcome)
    if path.exists():
        raise ReportError(f"{path}: is there already; give another name by --name")
    text = outline(found, roles, given.outcome, given.file.as_posix(), time.strftime("%Y"), own_labels(given.file))
    write_bytes(path, text.encode())
    told = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")]
    print(*(line for line in told if line.startswith(("In the data", "Units by", "Left out", "Assumed"))), sep="\n")
    print(f"written: {path}; read it, then run: {_next(name, checkout)}")
    return 0


def _next(name: str, checkout: bool) -> str:
    return f"python3 run.py snakemake --config study={name}" if checkout else f"aigreen run {name}.yaml"
