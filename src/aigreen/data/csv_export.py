"""CSV for people, who open it in a spreadsheet."""

from __future__ import annotations

import pandas as pd


def csv_bytes(table: pd.DataFrame) -> bytes:
    """Write a table as CSV that a spreadsheet shows and does not run.

    Text that a spreadsheet takes for a formula (it begins with =, +, - or @, perhaps after a space, tab or line end)
    gets an apostrophe in front, unless it is a number.
    """
    safe = table.rename(columns=_inert)
    for column in range(safe.shape[1]):
        cells = safe.iloc[:, column]
        if not pd.api.types.is_numeric_dtype(cells):
            safe.isetitem(column, cells.map(_inert, na_action="ignore"))
    return safe.to_csv(index=False, lineterminator="\n").encode()


def _inert(cell: object) -> object:
    if not isinstance(cell, str) or not cell.lstrip().startswith(("=", "+", "-", "@")):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
