"""Write an empty table of those that no vendor delivers, with its recipe, for the folder of licensed data."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

from aigreen.errors import OptionError, ReportError

FOLDER = Path("data/restricted")
TABLES = ("company_names", "code_changes", "report_words", "segments", "robots", "input_output")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take a table and where to write it."""
    parser.add_argument("table", help=f"one of {', '.join(TABLES)}")
    parser.add_argument("--out", type=Path, help=f"file to write (default: {FOLDER}/TABLE.csv)")


def run(given: argparse.Namespace) -> int:
    """Write the columns, a row for each firm to be named or the code changes that are known; print the recipe.

    Raises
    ------
    OptionError
        No such table.
    ReportError
        The file is there already.
    """
    from aigreen.data.assemble.inventory import TABLES as WANTED
    from aigreen.disk import write_bytes

    if given.table not in TABLES:
        raise OptionError("table", given.table, TABLES)
    path = given.out or FOLDER / f"{given.table}.csv"
    if path.exists():
        raise ReportError(f"{path}: is there already; name another file by --out")
    [wanted] = [entry for entry in WANTED if entry.expected.table == given.table]
    table, required, optional, _ = wanted.expected
    rows, more = ROWS.get(table, lambda: ([], []))()
    head = [*required, *optional, *(more if rows else [])]
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows([head, *rows])
    write_bytes(path, content.getvalue().encode())
    print(f"{path}: needed columns {', '.join(required)}" + (f"; optional {', '.join(optional)}" if optional else ""))
    print(wanted.how or f"source: {wanted.source} (aigreen doctor says more)")
    if rows:
        print(f"{len(rows):,} rows to be completed; of column {', '.join(more)} nothing is read")
    return 0


def _code_changes() -> tuple[list[list[str]], list[str]]:
    """Give the changes of security codes that are known."""
    from aigreen.data import facts

    columns = ["old_code", "new_code", "since", "note", "source"]
    return facts.table("code_changes")[columns].to_numpy().tolist(), columns[2:]


def _firms() -> tuple[list[list[str]], list[str]]:
    """Give a row without a name for each firm of the firm file, with the last name it is known by."""
    from aigreen.data.assemble import inventory
    from aigreen.data.sources import csmar

    if not FOLDER.is_dir() or not inventory.find(FOLDER, csmar.FIRM_FILE.table):
        return [], []
    names = csmar.firm_names(FOLDER).table.sort_values(["firm_id", "last_year", "kind"])
    last = names.groupby("firm_id")["name"].last()
    return [[firm, "", "alias", "", "", name] for firm, name in last.items()], ["known_as"]


ROWS = {"company_names": _firms, "code_changes": _code_changes}
