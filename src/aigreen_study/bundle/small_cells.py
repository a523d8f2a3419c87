"""Counts in the exhibits of licensed data that are too small to be shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from aigreen_study.bundle.findings import Finding
from aigreen_study.tables.cells import PlacedCell, placed_cells
from aigreen_study.tables.table import Table

MINIMUM = 10
WHAT = "small cell"
_FACTS = {"n_rows": "rows", "n_units": "units", "n_clusters": "clusters"}
_COUNTS = re.compile(r"\b(?:n|obs|observations?|units?|clusters?|firms?|rows?|cities|provinces|count|number)\b", re.I)
_NO_CELL = re.compile(r"\b(?:dropped|left out)\b", re.I)  # what a filter took away describes no group that is shown
_EXTREMES = re.compile(r"^(?:min|max)\.?$", re.I)


def table_findings(path: str, text: str) -> Iterator[Finding]:
    """Find counts from 1 to below `MINIMUM` in a table made from licensed data, and estimates that rest on so few.

    Parameters
    ----------
    path : str
        For the findings.
    text : str
        The table's JSON.
    """
    table = Table.from_json(text)
    for name, known in table.specifications.items():
        for fact, words in _FACTS.items():
            if 0 < int(known.get(fact, 0)) < MINIMUM:
                yield Finding(path, WHAT, f"{name} rests on {known[fact]} {words}, fewer than {MINIMUM}")
    for placed in placed_cells(table):
        if is_count(placed) and 0 < placed.cell.value < MINIMUM:
            yield Finding(path, WHAT, f"{placed.place}: a count of {placed.cell.text}, below {MINIMUM}")
    extremes = [column for column in table.columns if _EXTREMES.match(column)]
    if extremes:
        why = f"columns {', '.join(extremes)} show the values of single firms; check the licence"
        yield Finding(path, WHAT, why, refused=False)


def is_count(placed: PlacedCell) -> bool:
    """Whether a cell counts rows, firms, clusters or the like: a whole number whose headings or unit say so."""
    cell = placed.cell
    if cell.value is None or not cell.text.replace(",", "").isdigit():
        return False
    where = [placed.place.row, placed.place.column.rpartition(" / ")[2], cell.unit]
    return any(_COUNTS.search(words) and not _NO_CELL.search(words) for words in where)


def numbers_findings(path: str, text: str) -> Iterator[Finding]:
    """Find small counts among the numbers of the text."""
    for key, entry in json.loads(text).items():
        value, counted = entry["value"], _COUNTS.search(f"{entry.get('unit', '')} {key.replace('_', ' ')}")
        if counted and not isinstance(value, str) and entry["text"].isdigit() and 0 < value < MINIMUM:
            yield Finding(path, WHAT, f"{key}: a count of {entry['text']}, below {MINIMUM}")


def figure_findings(paths: list[str], panel: Path, unit: str, time: str, cohort: str) -> Iterator[Finding]:
    """Find figures of a panel that has a group of adopters smaller than `MINIMUM` in a year: they show its averages.

    Parameters
    ----------
    paths : list of str
        The figures.
    panel : Path
        panel.parquet of the study.
    unit, time, cohort : str
        Its columns.
    """
    frame = pd.read_parquet(panel, columns=[unit, time, cohort])
    sizes = frame.groupby([cohort, time], dropna=False)[unit].nunique()
    sizes = sizes[sizes < MINIMUM]
    if len(sizes):
        group, year = sizes.index[0]
        why = f"group {group} has {sizes.iloc[0]} firms in {year} ({len(sizes)} such cells), fewer than {MINIMUM}"
        yield from (Finding(path, WHAT, why) for path in paths)
