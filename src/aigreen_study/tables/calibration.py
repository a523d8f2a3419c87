"""The table that holds a synthetic economy against published numbers."""

from __future__ import annotations

import pandas as pd

from aigreen_study.tables.formats import adaptive
from aigreen_study.tables.table import Cell, Group, Row, Table

PRIOR = "prior"


def calibration_table(
    reached: pd.DataFrame,
    *,
    key: str = "calibration",
    title: str = "The synthetic economy and published numbers",
    notes: str = "",
    simulated: bool = True,
) -> Table:
    """One row a quantity: target, what the economy has, and where the target comes from.

    Parameters
    ----------
    reached : DataFrame
        quantity, target, achieved, source, as `aigreen.simulate.economy.calibration.calibration` returns it.
    """
    groups = []
    for prior in (False, True):
        rows = reached[(reached["source"] == PRIOR) == prior]
        lines = tuple(
            Row(row.quantity, (_cell(row.target), _cell(row.achieved), Cell("" if prior else row.source)))
            for row in rows.itertuples()
        )
        if lines:
            groups.append(Group(lines, "Prior of this project" if prior else "Published"))
    return Table(
        key=key,
        title=title,
        stub="",
        columns=("Target", "Achieved", "Source"),
        groups=tuple(groups),
        notes="Source: row of data/facts/published_aggregates.csv; prefectures: tertiary over secondary value added in "
        "the workbook of the study cities. The effect of the own zone is drawn above its prior, so that a study of "
        f"this size can find it. {notes}".strip(),
        simulated=simulated,
    )


def _cell(value: float) -> Cell:
    return Cell(adaptive(value), float(value))
