"""What an adapter returns: a canonical table and the count of everything it left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

FLOW = ["source", "step", "n_rows", "n_units", "dropped", "first"]


@dataclass(frozen=True)
class Read:
    """A canonical table with its sample flow.

    Parameters
    ----------
    table : DataFrame or Path
        Passed by `aigreen.data.canonical.check`; a Parquet file where it may be larger than memory.
    flow : DataFrame
        ``source, step, n_rows, n_units, dropped, first``: rows and units after each step, the number the step left
        out (or altered, where ``n_rows`` does not change), and the first of them.
    """

    table: pd.DataFrame | Path
    flow: pd.DataFrame


class Flow:
    """Ledger of one source, filled step by step while rows are left out.

    Parameters
    ----------
    source : str
        Table or file.
    *units : str
        Columns that identify a unit, from canonical to raw: the first that a frame has is counted.
    """

    def __init__(self, source: str, *units: str) -> None:
        self._source, self._units = source, units
        self._rows: list[tuple[str, str, int, int, int, str]] = []
        self._counted: tuple[pd.Series, int] | None = None  # units of the last step, for steps that leave none out

    def note(self, step: str, frame: pd.DataFrame, count: int = 0, first: Sequence[object] = ()) -> pd.DataFrame:
        """Write down a step and return ``frame`` unchanged."""
        unit = next((column for column in self._units if column in frame), None)
        self.count(step, len(frame), 0 if unit is None else self._n_units(frame[unit]), count, first)
        return frame

    def _n_units(self, column: pd.Series) -> int:
        if self._counted is None or not column.array.equals(self._counted[0].array):
            self._counted = column, column.nunique()
        return self._counted[1]

    def count(self, step: str, n_rows: int, n_units: int = 0, dropped: int = 0, first: Sequence[object] = ()) -> None:
        """Write down a step that was counted elsewhere, as in a database."""
        shown = ", ".join(str(x) for x in list(first)[:5])
        self._rows.append((self._source, step, int(n_rows), int(n_units), int(dropped), shown))

    def keep(self, frame: pd.DataFrame, mask: pd.Series, step: str, *, show: str | None = None) -> pd.DataFrame:
        """Keep the rows of ``mask`` and count the others; ``show`` names the column quoted as first offenders."""
        kept = mask.to_numpy(dtype=bool)
        lost = frame[~kept]
        first = [] if show is None else lost[show].drop_duplicates().head(5)
        left = frame if kept.all() else frame[kept]
        return self.note(step, left.reset_index(drop=True), len(lost), list(first))

    def without_repeats(self, frame: pd.DataFrame, step: str = "rows given twice, all columns equal") -> pd.DataFrame:
        """Leave out rows that equal an earlier row in every column (parts of an export may overlap)."""
        return self.keep(frame, ~frame.duplicated(), step)

    def to_frame(self) -> pd.DataFrame:
        """Give the ledger as a frame with the columns `FLOW`."""
        return pd.DataFrame(self._rows, columns=FLOW)


def summed(flows: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add ledgers of the same steps on parts of a table; first offenders are those of the first parts."""

    def first(shown: pd.Series) -> str:
        return ", ".join(list(dict.fromkeys(", ".join(filter(None, shown)).split(", ")))[:5])

    rule = {"n_rows": "sum", "n_units": "sum", "dropped": "sum", "first": first}
    return together(*flows).groupby(["source", "step"], sort=False).agg(rule).reset_index()[FLOW]


def together(*flows: pd.DataFrame) -> pd.DataFrame:
    """Put ledgers of several sources one under the other."""
    return pd.concat(flows, ignore_index=True)
