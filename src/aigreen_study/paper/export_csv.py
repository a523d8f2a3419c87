"""Tables as CSV that is safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aigreen_study.paper.shown import Shown
from aigreen_study.tables.cells import placed_cells
from aigreen_study.tables.table import Table

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?%?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
HEADER = ("row", "column", "group", "label", "heading", "text", "stars", "value", "unit", "specification")


def csv_files(
    config: Mapping[str, Any], shown: list[Shown], tables: Mapping[str, Table], project: Path
) -> dict[str, bytes]:
    """Return tables/NAME.csv for each table of a paper: one line a cell, as printed and as the number behind it."""
    return {f"tables/{key}.csv": table_csv(table).encode("utf-8-sig") for key, table in by_key(tables).items()}


def by_key(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Tables by key, which is one name in a paper, also for those of other studies."""
    return {table.key: table for table in tables.values()}


def table_csv(table: Table) -> str:
    """Write the cells of a table, one a line; numbers with a plain minus."""
    lines = io.StringIO()
    rows = csv.writer(lines, lineterminator="\n")
    rows.writerow(HEADER)
    for placed in placed_cells(table):
        cell, place = placed.cell, placed.place
        value = "" if cell.value is None else repr(cell.value)
        words = (place.group, place.row, place.column, cell.text.replace("\u2212", "-"))
        line = (placed.row + 1, placed.column + 1, *words, cell.stars, value, cell.unit, cell.spec)
        rows.writerow([safe(str(item)) for item in line])
    return lines.getvalue()


def safe(text: str) -> str:
    """Put an apostrophe before a text that a spreadsheet would run as a formula; numbers stay.

    Examples
    --------
    >>> [safe(text) for text in ("-0.25", "=1+1", "@SUM(A1)", "-2+3", "+5 years", "Size")]
    ['-0.25', "'=1+1", "'@SUM(A1)", "'-2+3", "'+5 years", 'Size']
    """
    risky = text.lstrip(" ").startswith(_FORMULA)
    return f"'{text}" if risky and not _NUMBER.fullmatch(text) else text
