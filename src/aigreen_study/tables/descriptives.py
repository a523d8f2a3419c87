"""The tables that describe a sample: descriptive statistics and the sample flow."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from aigreen.errors import UnknownColumnError
from aigreen_study.specification.describe import describe
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
        line = describe(frame, name)
        digits = decimals(max(abs(line.mean), line.std_dev))
        ends = 0 if line.whole else digits
        shown = [(line.mean, digits), (line.std_dev, digits), (line.low, ends), (line.median, ends), (line.high, ends)]
        rows.append(Row(label, (Cell.count(line.n), *(Cell.number(value, places) for value, places in shown))))
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
