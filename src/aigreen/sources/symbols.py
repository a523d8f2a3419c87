"""Cells of patent tables with lists of IPC or CPC symbols, in the canonical form of `aigreen.assemble.symbols`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from aigreen.assemble.symbols import split_symbols
from aigreen.sources.record import Flow
from aigreen.tables import SEPARATOR


def canonical_cells(cells: pd.Series, flow: Flow, name: str, *, first: pd.Series | None = None) -> pd.Series:
    """Write lists of symbols in canonical form.

    Parameters
    ----------
    cells : Series of str
        Lists in any spelling and with any separator that `aigreen.assemble.symbols` reads.
    flow : Flow
        Where pieces that are no symbol are counted.
    name : str
        Name of the column there.
    first : Series of str, optional
        Main symbol of each row, put first.

    Returns
    -------
    Series of str
        Each symbol once, in order, joined by `SEPARATOR`; missing where there is none.
    """
    lists = cells if first is None else first.fillna("").astype("str") + SEPARATOR + cells.fillna("").astype("str")
    found = split_symbols(lists)
    pairs = found.pairs.drop_duplicates()
    sizes = np.bincount(pairs["row"], minlength=len(cells))
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    rows = pa.ListArray.from_arrays(offsets, pa.array(pairs["symbol"].astype("str"), pa.string()))
    joined = pc.binary_join(rows, SEPARATOR).to_pandas().astype("str").set_axis(cells.index)
    lost = found.unparsed
    flow.note(f"{name}: pieces that are no symbol", cells.to_frame(), int(lost["count"].sum()), list(lost["text"][:5]))
    return joined.where(sizes > 0)
