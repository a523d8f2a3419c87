"""What stands beside every assembled panel: its sample flow and its codebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from aigreen.errors import DataError, EmptyDataError


@dataclass(frozen=True)
class Assembled:
    """An analysis panel with its record.

    Parameters
    ----------
    frame : DataFrame
        One row a unit and period.
    flow : DataFrame
        ``step, n_rows, n_units, dropped``: rows and units after each filter and merge, and rows lost in it.
    codebook : DataFrame
        ``column, label, unit, coding, source, formula``: one row a column of ``frame``, in its order.
    """

    frame: pd.DataFrame
    flow: pd.DataFrame
    codebook: pd.DataFrame


class Entry(NamedTuple):
    """One row of a codebook."""

    column: str
    label: str
    unit: str = ""
    coding: str = ""
    source: str = ""
    formula: str = ""


class SampleFlow:
    """Ledger of rows and units, filled step by step."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._steps: list[tuple[str, int, int, int]] = []

    def add(self, step: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Note the size of ``frame`` after ``step`` and return it unchanged.

        Raises
        ------
        EmptyDataError
            No row is left.
        """
        before = self._steps[-1][1] if self._steps else len(frame)
        if frame.empty:
            raise EmptyDataError(f"{step}: no rows are left" + (f" of {before:,}" if before else ""))
        self._steps.append((step, len(frame), frame[self._unit].nunique(), before - len(frame)))
        return frame

    def begin(self, record: pd.DataFrame) -> None:
        """Begin with what an adapter read, noted and left out: the record of `aigreen.data.raw.flow.Read`."""
        for row in record.itertuples():
            lost = self._steps[-1][1] - row.n_rows if self._steps else 0
            if row.dropped or not self._steps:
                noted = f"{row.step}: {row.dropped:,}" if row.dropped and not lost else row.step
                self._steps.append((noted, row.n_rows, row.n_units, lost))

    def to_frame(self) -> pd.DataFrame:
        """Columns step, n_rows, n_units, dropped (rows)."""
        return pd.DataFrame(self._steps, columns=["step", "n_rows", "n_units", "dropped"])


def merge_one(left: pd.DataFrame, right: pd.DataFrame, on: str) -> pd.DataFrame:
    """Left join of attributes keyed by ``on``; a key of ``left`` that ``right`` lacks is an error."""
    lost = left.loc[~left[on].isin(right[on]), on].unique()
    if len(lost):
        raise DataError(f"{len(lost)} values of {on} are in no fact table", column=on, count=len(lost), first=lost)
    return left.merge(right, on=on, how="left", validate="many_to_one")


def finish(frame: pd.DataFrame, flow: SampleFlow, entries: Sequence[Entry]) -> Assembled:
    """Order the columns as the codebook and put the three tables together.

    Raises
    ------
    DataError
        Codebook and frame do not name the same columns.
    """
    book = pd.DataFrame(list(entries), columns=list(Entry._fields))
    check_codebook(frame, book)
    return Assembled(frame[list(book["column"])], flow.to_frame(), book)


def check_codebook(frame: pd.DataFrame, codebook: pd.DataFrame) -> None:
    """Raise a `DataError` unless codebook and frame name the same columns, each once and with a label."""
    listed = list(codebook["column"])
    undocumented = [column for column in frame.columns if column not in listed]
    absent = [column for column in listed if column not in frame.columns]
    repeated = sorted({column for column in listed if listed.count(column) > 1})
    unlabelled = list(codebook.loc[codebook["label"] == "", "column"])
    faults = {
        "columns without a codebook entry": undocumented,
        "codebook entries without a column": absent,
        "columns entered twice": repeated,
        "entries without a label": unlabelled,
    }
    for what, columns in faults.items():
        if columns:
            raise DataError(f"codebook: {len(columns)} {what}", count=len(columns), first=columns)
