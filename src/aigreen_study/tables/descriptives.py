"""The tables that describe a sample: descriptive statistics and the sample flow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aigreen.errors import ReportError, UnknownColumnError
from aigreen_study.tables.formats import decimals
from aigreen_study.tables.table import Cell, Group, Row, Table


def descriptives_table(
    frame: pd.DataFrame,
    variables: Mapping[str, str],
    *,
    key: str = "descriptives",
    title: str = "Descriptive statistics",
    notes: str = "",
    simulated: bool = False,
) -> Table:
    """Observations, mean, standard deviation, minimum, median and maximum of each variable.

    Parameters
    ----------
    frame : DataFrame
    variables : mapping of column to label
        The label carries the unit, as ``Total assets (bn yuan)``.
    """
    rows = []
    for name, label in variables.items():
        if name not in frame.columns:
            raise UnknownColumnError(name, list(frame.columns), role="variables")
        values = frame[name].to_numpy(dtype=float, na_value=np.nan)
        values = values[np.isfinite(values)]
        if values.size == 0:
            raise ReportError(f"table {key!r}: column {name!r} has no values to describe")
        mean, spread = float(values.mean()), float(values.std(ddof=min(1, values.size - 1)))
        digits = decimals(max(abs(mean), spread))
        order = [float(value) for value in (values.min(), np.median(values), values.max())]
        whole = 0 if (values == np.round(values)).all() and order[1].is_integer() else digits
        numbers = [(float(values.size), 0), (mean, digits), (spread, digits), *((value, whole) for value in order)]
        rows.append(Row(label, tuple(Cell.number(value, places) for value, places in numbers)))
    return Table(
        key=key,
        title=title,
        stub="",
        columns=("N", "Mean", "Std. dev.", "Min.", "Median", "Max."),
        groups=(Group(tuple(rows)),),
        notes=notes,
        simulated=simulated,
    )


def sample_flow_table(
    ledger: pd.DataFrame,
    *,
    key: str = "sample_flow",
    title: str = "From raw rows to the estimation sample",
    units: str = "Units",
    notes: str = "",
    simulated: bool = False,
) -> Table:
    """Rows and units after each step, and the rows it dropped.

    Parameters
    ----------
    ledger : DataFrame
        Columns step, n_rows, n_units, dropped; one row a step, in order.
    units : str
        What a unit is, as ``Firms``.
    """
    for name in ("step", "n_rows", "n_units", "dropped"):
        if name not in ledger.columns:
            raise UnknownColumnError(name, list(ledger.columns), role="ledger")
    rows = [
        Row(
            str(line.step)[:1].upper() + str(line.step)[1:],
            tuple(_whole(value) for value in (line.dropped, line.n_rows, line.n_units)),
        )
        for line in ledger.itertuples(index=False)
    ]
    return Table(
        key=key,
        title=title,
        stub="Step",
        columns=("Rows dropped", "Rows left", f"{units} left"),
        groups=(Group(tuple(rows)),),
        notes=notes,
        simulated=simulated,
    )


def _whole(value: float) -> Cell:
    return Cell() if pd.isna(value) else Cell.count(value)
