"""Exposure through links: as it is, recentred, and through random networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from aigreen.effects.effects import Effects
from aigreen.exposure.exposure import How, exposure, recentred
from aigreen.exposure.maps import Map, permuted
from aigreen.linalg.fixed_effects import FixedEffects
from aigreen.panel.panel import Panel
from aigreen.progress import progress
from aigreen.regression.twfe import TWFE


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

    @property
    def placebo_median(self) -> float:
        """Median coefficient through random networks."""
        return float(np.median(self.placebo))

    def placebo_range(self, level: float) -> tuple[float, float]:
        """Quantiles that hold this share of the coefficients through random networks, between equal tails."""
        low, high = np.quantile(self.placebo, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


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
    return panel.in_frame_order(panel.treated.astype(float)).to_numpy()


def _again(panel: Panel, frame: pd.DataFrame) -> Panel:
    roles = ("unit", "time", "cohort", "cluster")
    keys: dict[str, Any] = {role: panel.names[role] for role in roles if role in panel.names}
    return Panel(frame, **keys, freq=panel.freq)


def _placebo(panel: Panel, outcome: str, links: Map, how: How, n_draws: int, seed: int) -> np.ndarray:
    """Coefficients through random networks, by partialling out effects and own treatment."""
    frame, names = panel.frame, panel.names
    y = frame[outcome].to_numpy(dtype=float)
    rows = np.isfinite(y)
    codes = [pd.factorize(frame[names[role]])[0] for role in ("unit", "time")]
    effects = FixedEffects(codes, fitted=rows)
    seeds = progress(range(seed, seed + n_draws), "random networks")
    draws = [exposure(panel, permuted(links, seed=k), how=how).to_numpy() for k in seeds]
    within = effects.residualize(np.column_stack([y, panel_treated(panel), *draws]))[rows]
    own = within[:, 1]
    within -= np.outer(own, own @ within / (own @ own))
    return within[:, 2:].T @ within[:, 0] / np.einsum("ij,ij->j", within[:, 2:], within[:, 2:])
