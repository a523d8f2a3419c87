"""Spillovers through links against links that are random: recentred exposure and placebo networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aigreen.inference.placebo_links import LinkCheck
from aigreen_study.tables.estimates import attributed, interval_cells
from aigreen_study.tables.formats import count
from aigreen_study.tables.table import Cell, Group, Row, Spanner, Table


def links_table(checks: Mapping[str, LinkCheck], *, level: float, notes: str, simulated: bool = False) -> Table:
    """One row an exposure and form of it: coefficient, error, interval, and how it stands among placebo networks."""
    groups, made_by = [], []
    for label, check in checks.items():
        rows = []
        for name, effect in (("Exposure", check.plain), ("Recentred exposure", check.recentred)):
            line = effect.to_frame(level).iloc[0]
            cells = [*interval_cells(line), Cell.p_value(line["p_value"]), Cell(), Cell()]
            cells += [Cell(count(effect.n_rows), effect.n_rows)]
            rows.append(Row(name, tuple(cells)))
            made_by.append((f"placebo_links/{label}, {name.lower()}", effect))
        low, high = np.quantile(check.placebo, [(1 - level) / 2, (1 + level) / 2])
        cells = [Cell.number(float(np.median(check.placebo))), Cell(), Cell.number(low), Cell.number(high)]
        cells += [Cell(), Cell.p_value(check.p_placebo)]
        cells += [Cell.count(len(check.placebo)), Cell()]
        rows.append(Row("Exposure through placebo links", tuple(cells)))
        made_by.append(None)
        groups.append(Group(tuple(rows), label))
    table = Table(
        key="placebo_links",
        title="Links against random links",
        stub="",
        columns=("Estimate", "Std. error", "low", "high", "p-value", "Placebo p", "Networks", "Observations"),
        spanners=((Spanner(f"{level:.0%} interval", 2, 4),),),
        groups=tuple(groups),
        notes="Least squares with unit and year effects and own treatment. Recentred: less the exposure expected had "
        "cohorts fallen on cities at random (Borusyak and Hull 2023). Placebo links: median and quantiles over "
        f"networks in which units stand at random places. {notes}",
        simulated=simulated,
    )
    return attributed(table, rows=made_by)
