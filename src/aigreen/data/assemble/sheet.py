"""A panel that grows column by column, each with its codebook entry, and row by row shrinks into its ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from aigreen.data.assemble.codebook import Assembled, Entry, SampleFlow, finish
from aigreen.errors import DataError, UnknownColumnError

KEY = ["firm_id", "year"]


class Sheet:
    """Firm-years under assembly.

    Parameters
    ----------
    frame : DataFrame
        All firm-years, unique by `KEY`; raw columns stay at hand until `finish`.
    step : str
        First line of the ledger.
    """

    def __init__(self, frame: pd.DataFrame, step: str) -> None:
        self.flow = SampleFlow("firm_id")
        self.entries: list[Entry] = []
        self.frame = self.flow.add(step, frame.reset_index(drop=True))

    def add(self, column: pd.Series | Sequence[object] | None, *entry: str) -> None:
        """Set a column (or document one that is there, with None) by its `Entry`."""
        written = Entry(*entry)
        if column is not None:
            self.frame[written.column] = column
        self.entries.append(written)

    def merge(self, table: pd.DataFrame, what: str, on: Sequence[str] = KEY) -> None:
        """Left join of a table with a unique key; the ledger says how many rows found theirs."""
        shared = [column for column in table if column in self.frame and column not in on]
        if shared:
            raise DataError(f"{what}: {len(shared)} columns are there already", count=len(shared), first=shared)
        joined = self.frame.merge(table, on=list(on), how="left", validate="many_to_one", indicator="_found")
        found = int((joined.pop("_found") == "both").sum())
        self.frame = self.flow.add(f"{what} merged ({found:,} rows with)", joined)

    def keep(self, mask: pd.Series, step: str) -> None:
        """Keep the rows of ``mask``."""
        self.frame = self.flow.add(step, self.frame[mask.to_numpy(dtype=bool)].reset_index(drop=True))

    def winsorise(self, limits: Mapping[str, float]) -> None:
        """Pull the tails of columns to their quantiles and count the cells changed.

        Parameters
        ----------
        limits : mapping of str to float
            By column, the share in each tail, below one half.
        """
        for column, share in limits.items():
            if column not in self.frame:
                raise UnknownColumnError(column, list(self.frame.columns), role="winsorise")
            if column not in {entry.column for entry in self.entries}:
                raise DataError(f"winsorise: column {column!r} has no entry in the codebook", column=column)
            values = self.frame[column].astype(float)
            low, high = values.quantile([share, 1 - share])
            changed = int(((values < low) | (values > high)).sum())
            self.frame[column] = values.clip(low, high)
            self._mark(column, f"winsorised at {share:g} in each tail")
            self.flow.add(f"{column} winsorised at {share:g} in each tail ({changed:,} cells changed)", self.frame)

    def finish(self, drop: Sequence[str] = ()) -> Assembled:
        """Sort, leave out raw columns without an entry, and check frame against codebook.

        Numbers become numpy's: int64 where none is missing, else float64.

        Parameters
        ----------
        drop : sequence of str
            Raw columns to leave out; any other column without an entry is an error.
        """
        if (twice := self.frame.duplicated(KEY)).any():
            first = self.frame.loc[twice, KEY].astype(str).agg(" ".join, axis=1)
            raise DataError(f"{int(twice.sum())} firm-years stand twice", count=int(twice.sum()), first=first)
        listed = {entry.column for entry in self.entries}
        out = [column for column in drop if column in self.frame and column not in listed]
        frame = self.frame.drop(columns=out).sort_values(KEY, ignore_index=True)
        for column in frame.columns[frame.dtypes.isin([pd.Int64Dtype(), pd.Float64Dtype(), pd.BooleanDtype()])]:
            whole = frame[column].notna().all() and frame[column].dtype != pd.Float64Dtype()
            frame[column] = frame[column].astype("int64" if whole else "float64")
        return finish(frame, self.flow, self.entries)

    def _mark(self, column: str, note: str) -> None:
        at = [entry.column for entry in self.entries].index(column)
        entry = self.entries[at]
        self.entries[at] = entry._replace(formula="; ".join(filter(None, [entry.formula, note])))
