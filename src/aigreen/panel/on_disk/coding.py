"""Values of a column as positions among its distinct values, block by block."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

_TABLE = 1_000_000  # longest range of whole numbers that are looked up rather than searched


@dataclass(frozen=True, eq=False)
class Coder:
    """Codes of values.

    Attributes
    ----------
    values : Index
        Distinct values, in any order.
    codes : ndarray
        Code of each of them.
    """

    values: pd.Index
    codes: np.ndarray
    _low: int = field(init=False, default=0)
    _table: np.ndarray | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.values.dtype.kind in "iu" and len(self.values):
            low, high = int(self.values.min()), int(self.values.max())
            if high - low < _TABLE:
                table = np.zeros(high - low + 1, dtype=self.codes.dtype)
                table[self.values.to_numpy() - low] = self.codes
                object.__setattr__(self, "_low", low)
                object.__setattr__(self, "_table", table)

    def __call__(self, column: pa.Array) -> np.ndarray:
        """Code a column whose values are all among the known ones."""
        if pa.types.is_dictionary(column.type) and not column.null_count:
            of_entry = self.codes[self.values.get_indexer(pd.Index(column.dictionary.to_pandas()))]
            return of_entry[column.indices.to_numpy()]
        if self._table is not None and not column.null_count and pa.types.is_integer(column.type):
            return self._table[column.to_numpy(zero_copy_only=False) - self._low]
        return self.codes[self.values.get_indexer(pd.Index(column.to_pandas()))]
