"""Shift-share (Bartik) instruments with exposure-robust errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from aigreen.confidence_set import ConfidenceSet, ratio_set
from aigreen.effects import Effects
from aigreen.errors import DataError, OptionError
from aigreen.panel import Panel
from aigreen.shock_design import INSTRUMENT, Design

Errors = Literal["akm", "bhj", "cluster"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ShiftShare:
    r"""Two-stage least squares with one instrument made of shares and shocks, or least squares on it.

    .. math:: Y_{it} = \beta D_{it} + X_{it}'\gamma + \alpha_i + \lambda_t + e_{it}, \qquad
              z_{it} = \sum_k s_{ik} g_{kt} .

    With :math:`\ddot z` the instrument less fixed effects and covariates and :math:`w` weights,
    :math:`\hat\beta = \sum w \ddot z Y / \sum w \ddot z D`. Rows with like shares have like :math:`z` and like errors,
    however far apart they are, so errors clustered by place are too small. Where shocks are as good as random, the sum
    of shocks is the source of variation:

    .. math:: \hat\beta - \beta \approx \sum_c \psi_c, \qquad
              \psi_c = \frac{\sum_{k \in c} h_k R_k}{\sum w \ddot z D}, \qquad R_k = \sum w\, s_k \hat e .

    Parameters
    ----------
    shares : DataFrame
        Non-negative; one column a sector, one row a unit, or a unit and period (two index levels).
    shocks : Series, DataFrame or str
        By sector; or sectors x periods, each pair then being a shock of its own; or, where shocks are not published,
        the column of the panel that holds the instrument. Sectors without shares are not used.
    errors : {"akm", "bhj", "cluster"}
        "akm": :math:`h` are the coefficients of :math:`\ddot z` on the shares, within periods if shocks have them
        (Adao, Kolesar and Morales 2019; needs more rows than sectors). "bhj": :math:`h_k` are the shocks less
        their share-weighted mean, by period, which gives the errors of the equivalent regression between shocks
        (Borusyak, Hull and Jaravel 2022); sums of shares must be controlled for. "cluster": by the
        panel's clusters, as `TWFE`; for comparison.
    shock_clusters : Series or mapping, optional
        Sector to cluster. Default: the sector, so that shocks of one sector in several periods are one cluster.
    fixed_effects : sequence of str, optional
        As in `TWFE`. Default: unit and time. An empty sequence gives an intercept.

    Notes
    -----
    The influence functions of "akm" and "bhj" stand on shock clusters, so such results combine with each other, not
    with those on clusters of the panel. Neither has a small-sample factor; intervals use the normal distribution.

    The effective F in `conventions` is that of Montiel Olea and Pflueger (2013), which for one instrument is the
    squared t statistic of the first stage under the same errors.

    Examples
    --------
    >>> df = pd.DataFrame({"firm": [1, 2, 3, 4] * 2, "year": [1] * 4 + [2] * 4, "y": [1.0, 2, 3, 5, 1, 4, 4, 8]})
    >>> shares = pd.DataFrame({"cars": [1.0, 0.5, 0, 0.2], "toys": [0, 0.5, 1, 0.8]}, index=[1, 2, 3, 4])
    >>> shocks = pd.DataFrame({1: [0.0, 0.0], 2: [1.0, 3.0]}, index=["cars", "toys"])
    >>> iv = ShiftShare(shares=shares, shocks=shocks)
    >>> iv.fit(Panel(df, unit="firm", time="year"), "y").estimates.round(4).to_dict()
    {'shift-share': 0.837}
    """

    shares: pd.DataFrame
    shocks: pd.Series | pd.DataFrame | str
    errors: Errors = "akm"
    shock_clusters: pd.Series | Mapping[object, object] | None = None
    fixed_effects: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.errors not in get_args(Errors):
            raise OptionError("errors", self.errors, get_args(Errors))
        if self.errors == "bhj" and isinstance(self.shocks, str):
            raise OptionError("errors", "bhj", ["akm", "cluster"])
        _check_shares(self.shares)
        for name, table in (("shocks", self.shocks), ("shock_clusters", self.shock_clusters)):
            if table is not None and not isinstance(table, str):
                _check_sectors(name, list(table.index if hasattr(table, "index") else table), self.shares.columns)

    def fit(
        self, panel: Panel, outcome: str, *, treatment: str | None = None, covariates: Sequence[str] | None = None
    ) -> Effects:
        """Estimate the effect of `treatment`, instrumented; without one, of the shift-share itself.

        Parameters
        ----------
        panel : Panel
            Rows of units (or units and periods) without shares are left out and counted.
        outcome : str
        treatment : str, optional
        covariates : sequence of str, optional
            With shares that do not sum to one, their sum belongs here (by period, where shocks have periods).

        Raises
        ------
        CollinearError
            Where fixed effects and covariates determine the instrument, the instrument does not move the treatment, or
            (errors "akm") shares of some sectors determine those of another.
        DataError, TooFewClustersError
        """
        design = Design.of(self, panel, outcome, treatment, covariates)
        beta, psi = design.estimate(design.y, design.x)
        facts = {} if treatment is None else {"effective F": f"{design.effective_f():.2f}"}
        return design.effects(beta, psi, treatment or INSTRUMENT, outcome, facts)

    def first_stage(
        self, panel: Panel, outcome: str, *, treatment: str, covariates: Sequence[str] | None = None
    ) -> Effects:
        """Estimate the effect of the instrument on `treatment`, on the rows and with the errors of `fit`."""
        design = Design.of(self, panel, outcome, treatment, covariates)
        beta, psi = design.estimate(design.x, design.z)
        return design.effects(beta, psi, INSTRUMENT, treatment, {"effective F": f"{design.effective_f():.2f}"})

    def confidence_set(
        self,
        panel: Panel,
        outcome: str,
        *,
        treatment: str | None = None,
        covariates: Sequence[str] | None = None,
        level: float = 0.95,
    ) -> ConfidenceSet:
        r"""Invert the test that imposes the null on the residuals, which holds with a weak instrument and few shocks.

        With errors "akm" this is AKM0 (Adao, Kolesar and Morales 2019), with "cluster" Anderson and Rubin's:
        all b with

        .. math:: \Big(\sum w \ddot z (Y - b D)\Big)^2 \le z_{1 - \alpha/2}^2 \sum_c
                  \Big(\sum_{k \in c} h_k \sum w\, s_k (\ddot Y - b \ddot D)\Big)^2 .
        """
        design = Design.of(self, panel, outcome, treatment, covariates)
        a, d = design.cross(design.y), design.cross(design.x)
        of_y, of_x = design.scores(design.y), design.scores(design.x)
        return ratio_set((a, of_y), (d, of_x), level)

    def instrument(self, panel: Panel) -> pd.Series:
        """Return the instrument on the index of the panel's frame, missing where there are no shares."""
        if isinstance(self.shocks, str):
            return panel.frame[self.shocks].rename(INSTRUMENT)
        values = np.full(panel.n_rows, np.nan)
        rows = self.positions(panel)
        periods, shocks = self.shocks_by_row(panel)
        found = rows >= 0
        values[found] = np.einsum("ik,ik->i", self.shares.to_numpy(float)[rows[found]], shocks[periods[found]])
        out = pd.Series(np.nan, index=panel.frame.index, name=INSTRUMENT)
        out.iloc[np.arange(panel.n_rows) if panel._order is None else panel._order] = values
        return out

    def positions(self, panel: Panel) -> np.ndarray:
        """Position in `shares` of each row; -1 for none."""
        units = panel.units[panel.unit_codes]
        by_period = self.shares.index.nlevels == 2
        wanted = pd.MultiIndex.from_arrays([units, panel.time]) if by_period else units
        return self.shares.index.get_indexer(wanted)

    def shocks_by_row(self, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
        """Position of each row's shocks, shape (n_rows,), and shocks, shape (positions, K)."""
        sectors = self.shares.columns
        if isinstance(self.shocks, pd.DataFrame):
            absent = [time for time in panel.times if time not in self.shocks.columns]
            if absent:
                raise DataError("shocks: no column of a period", column="shocks", count=len(absent), first=absent)
            values, period = self.shocks.loc[sectors, list(panel.times)].to_numpy(float).T, panel.time_codes
        else:
            known = not isinstance(self.shocks, str)
            values = self.shocks[sectors].to_numpy(float)[None] if known else np.full((1, len(sectors)), np.nan)
            period = np.zeros(panel.n_rows, dtype=np.intp)
        if not isinstance(self.shocks, str) and not np.isfinite(values).all():
            bad = [sectors[k] for k in np.flatnonzero(~np.isfinite(values).all(axis=0))]
            raise DataError("shocks are missing or infinite", column="shocks", count=len(bad), first=bad)
        return period, values


def _check_shares(shares: pd.DataFrame) -> None:
    if not shares.index.is_unique or not shares.columns.is_unique:
        axis = shares.index if not shares.index.is_unique else shares.columns
        twice = axis[axis.duplicated()]
        raise DataError("shares: labels stand more than once", column="shares", count=len(twice), first=twice)
    if shares.index.nlevels > 2:
        raise DataError("shares: rows are units, or units and periods", column="shares")
    values = shares.to_numpy(dtype=float)
    bad = ~np.isfinite(values) | (values < 0)
    if bad.any():
        first = shares.index[bad.any(axis=1)]
        raise DataError(
            f"shares: {bad.sum():,} are missing, infinite or negative", column="shares", count=len(first), first=first
        )


def _check_sectors(name: str, given: Sequence[object], sectors: pd.Index) -> None:
    absent = sectors.difference(pd.Index(given), sort=False)
    if len(absent):
        raise DataError(
            f"{name}: {len(absent):,} sectors of the shares have none", column=name, count=len(absent), first=absent
        )
