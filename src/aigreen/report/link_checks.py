"""Spillovers through links against links that are random: recentred exposure and placebo networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aigreen.absorb import FixedEffects
from aigreen.did.twfe import TWFE
from aigreen.effects import Effects
from aigreen.exposure import How, exposure, recentred
from aigreen.maps import Map, permuted
from aigreen.panel import Panel
from aigreen.report.formats import count
from aigreen.report.table import Cell, Group, Row, Spanner, Table
from aigreen.report.tables import attributed, interval_cells


@dataclass(frozen=True)
class LinkCheck:
    """Coefficients of an exposure, next to own treatment.

    Attributes
    ----------
    plain, recentred : Effects
        Of the exposure as it is, and less its expectation had cohorts fallen on places at random.
    placebo : ndarray, shape (draws,)
        Coefficients of the plain exposure through random networks.
    """

    plain: Effects
    recentred: Effects
    placebo: np.ndarray

    @property
    def p_placebo(self) -> float:
        """Share of networks, the actual one among them, whose coefficient is as large in absolute value."""
        return float((1 + (np.abs(self.placebo) >= abs(self.plain.values[0])).sum()) / (1 + len(self.placebo)))


def link_check(
    panel: Panel, outcome: str, links: Map, *, how: How, places: pd.Series, n_draws: int, seed: int
) -> LinkCheck:
    """Regress an outcome on own treatment and the exposure through `links`, and through placebo links.

    Parameters
    ----------
    panel : Panel
        Cohorts must not vary within places.
    links : Map
        Between the units of the panel.
    how : {"sum", "share", "any"}
    places : Series
        Place of each unit, which treatment is assigned to.
    n_draws, seed : int
        Of networks in which units have random places.

    Notes
    -----
    Exposure less its expectation is as good as random where the assignment of zones to places is (Borusyak and Hull
    2023): then links may be endogenous.
    """
    plain = exposure(panel, links, how=how)
    centred = recentred(panel, links, how=how, groups=places)
    model, found = TWFE(), {}
    for name, values in (("plain", plain), ("recentred", centred)):
        own = panel.frame.assign(exposure=values, own=panel_treated(panel))
        found[name] = model.fit(_again(panel, own), outcome, treatment=["exposure", "own"])["exposure"]
    return LinkCheck(found["plain"], found["recentred"], _placebo(panel, outcome, links, how, n_draws, seed))


def panel_treated(panel: Panel) -> np.ndarray:
    """Treatment of the rows of ``panel.frame``."""
    names = panel.names
    start = panel.frame[names["cohort"]].to_numpy(dtype=float, na_value=np.nan)
    return (panel.frame[names["time"]].to_numpy(dtype=float) >= np.where(start > 0, start, np.inf)).astype(float)


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


def _again(panel: Panel, frame: pd.DataFrame) -> Panel:
    roles = ("unit", "time", "cohort", "cluster")
    keys = {role: panel.names[role] for role in roles if role in panel.names}
    return Panel(frame, **keys)


def _placebo(panel: Panel, outcome: str, links: Map, how: How, n_draws: int, seed: int) -> np.ndarray:
    """Coefficients through random networks, by partialling out effects and own treatment."""
    frame, names = panel.frame, panel.names
    y = frame[outcome].to_numpy(dtype=float)
    rows = np.isfinite(y)
    codes = [pd.factorize(frame[names[role]])[0] for role in ("unit", "time")]
    effects = FixedEffects(codes, fitted=rows)
    draws = [exposure(panel, permuted(links, seed=seed + k), how=how).to_numpy() for k in range(n_draws)]
    within = effects.residualize(np.column_stack([y, panel_treated(panel), *draws]))[rows]
    own = within[:, 1]
    within -= np.outer(own, own @ within / (own @ own))
    return within[:, 2:].T @ within[:, 0] / np.einsum("ij,ij->j", within[:, 2:], within[:, 2:])
