"""Blocks of whole units from a file that is sorted by unit and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.parquet import ParquetFile

ROWS = 2**18  # of a block, about
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Block:
    """Rows of some units, sorted by unit and time.

    Attributes
    ----------
    labels : Index, length n
        Units.
    first : int
        Position of the first of them among all units of the file.
    unit : ndarray of int, shape (rows,)
        Position in `labels` of each row.
    time : ndarray of int, shape (rows,)
        Position of its period.
    group : ndarray of int, shape (n,)
        Position of each unit's group, those of the same cohort and cluster.
    weights : ndarray, shape (rows,), or None
    columns : dict of str to ndarray, shape (rows,)
        Numbers, missing as nan.
    codes : dict of str to ndarray of int, shape (rows,)
        Levels of fixed effects.
    """

    labels: pd.Index
    first: int
    unit: np.ndarray
    time: np.ndarray
    group: np.ndarray
    weights: np.ndarray | None
    columns: dict[str, np.ndarray]
    codes: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.unit)

    @property
    def n_units(self) -> int:
        """Number of units."""
        return len(self.labels)

    @property
    def w(self) -> np.ndarray:
        """Weights, one where there are none, shape (rows,)."""
        return np.ones(len(self)) if self.weights is None else self.weights

    def take(self, keep: np.ndarray) -> Block:
        """Return the rows that are marked, and the units that have one."""
        if keep.all():
            return self
        rows = np.flatnonzero(keep)
        present, unit = np.unique(self.unit[rows], return_inverse=True)
        return Block(
            self.labels[present],
            self.first,
            unit,
            self.time[rows],
            self.group[present],
            None if self.weights is None else self.weights[rows],
            {name: values[rows] for name, values in self.columns.items()},
            {name: values[rows] for name, values in self.codes.items()},
        )

    def rows(self, at: np.ndarray, periods: pd.Index) -> list[str]:
        """Name rows, as ``(unit, period)``."""
        return [f"({self.labels[self.unit[i]]}, {periods[self.time[i]]})" for i in at]

    def by_unit(self, values: np.ndarray) -> np.ndarray:
        """Sum values of rows by unit, shape (n,)."""
        return np.bincount(self.unit, values, self.n_units)

    def unit_weights(self, which: str) -> np.ndarray:
        """Mean weight of each unit over its rows, or that of its first row, shape (n,)."""
        if self.weights is None:
            return np.ones(self.n_units)
        if which == "first":
            return self.weights[np.flatnonzero(np.diff(self.unit, prepend=-1))]
        return self.by_unit(self.weights) / np.bincount(self.unit, minlength=self.n_units)

    def wide(self, values: np.ndarray, n_periods: int) -> np.ndarray:
        """Lay out values of rows as periods x units; nan where a unit is not seen."""
        if len(self) == n_periods * self.n_units:
            return np.ascontiguousarray(values.reshape(self.n_units, n_periods).T)
        out = np.full((n_periods, self.n_units), np.nan)
        out[self.time, self.unit] = values
        return out


@dataclass(eq=False)
class Counted:
    """Number of rows, or units, of some kind, and names of the first."""

    count: int = 0
    first: list[Any] = field(default_factory=list)

    def add(self, block: Block, at: np.ndarray, periods: pd.Index) -> None:
        """Count rows of a block by position; `periods` are the labels of its periods."""
        self.count += len(at)
        self.first += block.rows(at[: SHOWN - len(self.first)], periods)

    def add_units(self, block: Block, marked: np.ndarray) -> None:
        """Count the units of a block that are marked."""
        self.count += int(marked.sum())
        self.first += block.labels[marked][: SHOWN - len(self.first)].tolist()


def unit_tables(
    path: Path, columns: Sequence[str], unit: str, *, dictionary: Sequence[str], rows: int
) -> Iterator[tuple[pa.Table, np.ndarray]]:
    """Yield tables of whole units and where each unit starts in them; `dictionary` columns come coded."""
    file = ParquetFile(path, read_dictionary=[name for name in dictionary if name != unit])
    rest: pa.Table | None = None
    for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
        table = pa.Table.from_batches([batch])
        if rest is not None:
            table = pa.concat_tables([rest, table]).unify_dictionaries().combine_chunks()
        starts = _starts(table.column(unit))
        cut = int(starts[-1])  # the last unit may go on in the next batch
        rest = table.slice(cut)
        if cut:
            yield table.slice(0, cut).combine_chunks(), starts[:-1]
    if rest is not None:
        yield rest.combine_chunks(), np.zeros(1, dtype=np.intp)


def _starts(units: pa.ChunkedArray) -> np.ndarray:
    column = units.combine_chunks()
    changes = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1))
    return np.concatenate([[0], np.flatnonzero(changes.to_numpy(zero_copy_only=False)) + 1])
