"""Spillovers through links against links that are random: recentred exposure and placebo networks."""

from __future__ import annotations

from collections.abc import Mapping

from aigreen.inference.placebo_links import LinkCheck
from aigreen_study.tables.estimates import attributed, bound_cells, interval_cells, level_spanner
from aigreen_study.tables.table import Cell, Group, Row, Table


def links_table(checks: Mapping[str, LinkCheck], *, level: float, notes: str, simulated: bool = False) -> Table:
    """One row an exposure and form of it: coefficient, error, interval, and how it stands among placebo networks."""
    groups, made_by = [], []
    for label, check in checks.items():
        rows = []
        for name, effect in (("Exposure", check.plain), ("Recentred exposure", check.recentred)):
            line = effect.to_frame(level).iloc[0]
            p_value, n_rows = Cell.p_value(line["p_value"]), Cell.count(effect.n_rows)
            rows.append(Row(name, (*interval_cells(line), p_value, Cell(), Cell(), n_rows)))
            made_by.append((f"placebo_links/{label}, {name.lower()}", effect))
        middle, ends = Cell.number(check.placebo_median), bound_cells(check.placebo_range(level))
        p_value, networks = Cell.p_value(check.p_placebo), Cell.count(len(check.placebo))
        rows.append(Row("Exposure through placebo links", (middle, Cell(), *ends, Cell(), p_value, networks, Cell())))
        made_by.append(None)
        groups.append(Group(tuple(rows), label))
    table = Table(
        key="placebo_links",
        title="Links against random links",
        stub="",
        columns=("Estimate", "Std. error", "low", "high", "p-value", "Placebo p", "Networks", "Observations"),
        spanners=((level_spanner(level),),),
        groups=tuple(groups),
        notes="Least squares with unit and year effects and own treatment. Recentred: less the exposure expected had "
        "cohorts fallen on cities at random (Borusyak and Hull 2023). Placebo links: median and quantiles over "
        f"networks in which units stand at random places. {notes}",
        simulated=simulated,
    )
    return attributed(table, rows=made_by)
