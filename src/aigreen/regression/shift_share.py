"""Shift-share (Bartik) instruments with exposure-robust errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from aigreen.arguments import check_fields, typed
from aigreen.effects.confidence_set import ConfidenceSet, ratio_set
from aigreen.effects.effects import Effects
from aigreen.errors import (
    CollinearError,
    DataError,
    MissingRowsWarning,
    OptionError,
    TooFewClustersError,
)
from aigreen.linalg.arrays import compact, sum_by
from aigreen.linalg.collinearity import column_scale, independent_within
from aigreen.linalg.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import Panel, require_panel
from aigreen.regression.absorbed import project
from aigreen.regression.sample import Sample, draw_sample

INSTRUMENT = "shift-share"
NOTHING = 1e-10
INCOMPLETE = 1e-8

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
        check_fields(self)
        if self.errors not in get_args(Errors):
            raise OptionError("errors", self.errors, get_args(Errors))
        if self.errors == "bhj" and isinstance(self.shocks, str):
            raise OptionError("errors", "bhj", ["akm", "cluster"])
        _check_shares(self.shares)
        for name, table in (("shocks", self.shocks), ("shock_clusters", self.shock_clusters)):
            if table is not None and not isinstance(table, str):
                _check_sectors(name, list(table.index if hasattr(table, "index") else table), self.shares.columns)

    @typed
    def fit(
        self, panel: Panel, outcome: str, *, treatment: str | None = None, covariates: str | Sequence[str] | None = None
    ) -> Effects:
        """Estimate the effect of `treatment`, instrumented; without one, of the shift-share itself.

        Parameters
        ----------
        panel : Panel
            Rows of units (or units and periods) without shares are left out and counted.
        outcome : str
        treatment : str, optional
        covariates : str or sequence of str, optional
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

    @typed
    def first_stage(
        self, panel: Panel, outcome: str, *, treatment: str, covariates: str | Sequence[str] | None = None
    ) -> Effects:
        """Estimate the effect of the instrument on `treatment`, on the rows and with the errors of `fit`."""
        design = Design.of(self, panel, outcome, treatment, covariates)
        beta, psi = design.estimate(design.x, design.z)
        return design.effects(beta, psi, INSTRUMENT, treatment, {"effective F": f"{design.effective_f():.2f}"})

    @typed
    def confidence_set(
        self,
        panel: Panel,
        outcome: str,
        *,
        treatment: str | None = None,
        covariates: str | Sequence[str] | None = None,
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
        return panel.in_frame_order(values).rename(INSTRUMENT)

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
            unknown = np.full((1, len(sectors)), np.nan)
            values = unknown if isinstance(self.shocks, str) else self.shocks[sectors].to_numpy(float)[None]
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


@dataclass(frozen=True, eq=False)
class Design:
    """Outcome, treatment and instrument less fixed effects and covariates, shape (n,), and what errors need."""

    options: ShiftShare
    sample: Sample
    y: np.ndarray
    x: np.ndarray
    z: np.ndarray
    w: np.ndarray
    S: np.ndarray
    period: np.ndarray
    h: np.ndarray
    n_covariates: int
    dropped: Dropped

    @classmethod
    def of(
        cls,
        options: ShiftShare,
        panel: Panel,
        outcome: str,
        treatment: str | None,
        covariates: str | Sequence[str] | None,
    ) -> Design:
        """Draw the sample, take out fixed effects and covariates, and find the shocks' weights `h`."""
        require_panel(panel)
        dropped = Dropped()
        panel, covariates = panel.with_covariates(covariates, dropped)
        panel.check_roles(
            outcome,
            options.fixed_effects,
            treatment=treatment,
            covariates=covariates,
            shocks=options.shocks if isinstance(options.shocks, str) else None,
        )
        held = [options.shocks] if isinstance(options.shocks, str) else []
        panel = _with_shares(panel, options, dropped)
        panel = panel.complete([outcome, *([] if treatment is None else [treatment]), *held, *covariates], dropped)
        names = panel.effect_names(options.fixed_effects)
        sample = draw_sample(panel, names, dropped, counts=None)
        S = options.shares.to_numpy(float)[options.positions(panel)[sample.rows]]
        period, shocks = options.shocks_by_row(panel)
        period = period[sample.rows]
        z = sample.matrix(held)[:, 0] if held else np.einsum("ik,ik->i", S, shocks[period])
        x = z if treatment is None else sample.matrix([treatment])[:, 0]
        sums = S.sum(axis=1)[:, None] * (period[:, None] == np.unique(period))
        X = sample.matrix(covariates)
        X = X if names else np.column_stack([X, np.ones(len(sample))])
        columns = np.column_stack([sample.matrix([outcome]), x, z, sums])
        within, n_covariates = _within(sample, columns, X, covariates, dropped)
        w = np.ones(len(sample)) if sample.weights is None else sample.weights
        if w @ within[:, 2] ** 2 <= NOTHING * (w @ (z - np.average(z, weights=w)) ** 2):
            raise CollinearError("the instrument is not identified: fixed effects and covariates determine it")
        h = np.zeros(shocks.shape)
        if options.errors == "akm":
            h = _on_shares(S, within[:, 2], w, period, h)
        elif options.errors == "bhj":
            _check_sums(S.sum(axis=1), within[:, 3:])
            size = _to_shocks(S, w, period, h)
            h = shocks - (size * shocks).sum(axis=1, keepdims=True) / size.sum(axis=1, keepdims=True)
        y, x, z = within[:, :3].T
        design = cls(options, sample, y, x, z, w, S, period, h, n_covariates, dropped)
        if abs(design.cross(design.x)) <= NOTHING * np.sqrt(design.cross(design.z) * (w @ design.x**2)):
            raise CollinearError("the instrument does not move the treatment apart from fixed effects and covariates")
        return design

    def cross(self, values: np.ndarray) -> float:
        """Weighted product of the instrument with `values`."""
        return float((self.w * self.z) @ values)

    def scores(self, values: np.ndarray) -> np.ndarray:
        """Return the sums over clusters that estimate the spread of `cross(values)`, shape (clusters,)."""
        if self.options.errors == "cluster":
            clusters, n_clusters = compact(self.sample.clusters)
            parameters = n_parameters(1 + self.n_covariates, self.sample.effects, [clusters])
            factor = cluster_factor(len(self.sample), parameters, n_clusters)
            rows = (self.w * self.z * values)[:, None]
            return np.sqrt(factor) * sum_by(self.sample.clusters, rows, len(self.sample.panel.clusters))[:, 0]
        by_shock = self.h * _to_shocks(self.S, self.w * values, self.period, self.h)
        codes, labels = self.clusters()
        return np.bincount(codes, by_shock.sum(axis=0), minlength=len(labels))

    def estimate(self, y: np.ndarray, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Coefficient of `x` and its influence function."""
        beta = self.cross(y) / self.cross(x)
        return beta, self.scores(y - beta * x) / self.cross(x)

    def effective_f(self) -> float:
        """Squared t statistic of the first stage."""
        beta, psi = self.estimate(self.x, self.z)
        return beta**2 / float(psi @ psi)

    def clusters(self) -> tuple[np.ndarray, pd.Index]:
        """Cluster of each sector, and labels of the clusters."""
        sectors, given = self.options.shares.columns, self.options.shock_clusters
        labels = sectors if given is None else pd.Index([given[sector] for sector in sectors])
        codes, seen = pd.factorize(labels, sort=True)
        return codes, pd.Index(seen, name="shock")

    def effects(self, beta: float, psi: np.ndarray, label: str, outcome: str, told: Mapping[str, str]) -> Effects:
        """Wrap one coefficient; `told` is added to its conventions."""
        sample, sums = self.sample, self.S.sum(axis=1)
        by_sector = _to_shocks(self.S, self.w, self.period, self.h)
        codes, labels = self.clusters()
        size = np.bincount(codes, by_sector.sum(axis=0))
        by_cluster = self.options.errors == "cluster"
        moved = self.z if label == INSTRUMENT else self.x
        spread = abs(self.cross(moved)) / np.sqrt(self.cross(self.z) * self.w.sum())
        facts = result_facts(
            sample.panel, sample.rows, outcome, self.dropped, t_intervals=by_cluster, spread=spread
        )  # fmt: skip
        if by_cluster:
            labels = sample.panel.clusters
            variance = f"clustered by {labels.name}, {SMALL_SAMPLE}"
        else:
            n_clusters = int((size > 0).sum())
            variance = f"exposure-robust ({self.options.errors}), by shock cluster, no small-sample factor"
            if n_clusters < 2:
                raise TooFewClustersError(f"{n_clusters} shock cluster: no variance can be computed", count=n_clusters)
            facts |= {"clusters": labels, "n_clusters": n_clusters}
        return Effects(
            values=np.array([beta]),
            index=pd.Index([label], name="term"),
            psi=psi[:, None],
            method="Shift-share " + ("OLS" if label == INSTRUMENT else "2SLS"),
            conventions={
                "variance": variance,
                "sums of shares": f"{sums.min():.3g} to {sums.max():.3g}",
                "effective number of shock clusters": f"{size.sum() ** 2 / (size @ size):.1f}",
                "singletons": "left out, counted",
            }
            | dict(told),
            **facts,
        )


def _with_shares(panel: Panel, options: ShiftShare, dropped: Dropped) -> Panel:
    """Leave out and count rows without shares."""
    found = options.positions(panel) >= 0
    if not found.any():
        raise DataError(
            "no row of the panel has shares", column=panel.names["unit"], count=len(found), first=panel.units[:5]
        )
    lost = np.flatnonzero(~found)
    dropped.add(MissingRowsWarning, "rows", "no shares", lost.size, panel.labels(lost[:5]))
    return panel if found.all() else panel.cut(found)


def _check_sums(sums: np.ndarray, left: np.ndarray) -> None:
    """Refuse sums of shares of which fixed effects and covariates leave something."""
    if (np.abs(left) > INCOMPLETE * max(sums.max(), 1.0)).any():
        raise DataError(
            f"shares sum to between {sums.min():.3g} and {sums.max():.3g}, and covariates and fixed effects do not "
            "hold these sums (by period, where shocks have periods), as errors='bhj' needs; add them as covariates"
        )


def _within(
    sample: Sample, columns: np.ndarray, X: np.ndarray, names: Sequence[str], dropped: Dropped
) -> tuple[np.ndarray, int]:
    """Take fixed effects and covariates out of columns, shape (n, k); also count the covariates that stay."""
    k, scaled = columns.shape[1], np.column_stack([columns, X / column_scale(X)])
    scale = column_scale(columns)
    scaled[:, :k] /= scale
    out = project(scaled, sample.effects, sample.weights)
    keep = independent_within(scaled[:, k:], out[:, k:], sample.weights)
    dropped.collinear(names, keep[: len(names)])
    root = np.ones((len(out), 1)) if sample.weights is None else np.sqrt(sample.weights)[:, None]
    X = out[:, k:][:, keep]
    slopes = np.linalg.lstsq(X * root, out[:, :k] * root, rcond=None)[0]
    return (out[:, :k] - X @ slopes) * scale, int(keep.sum())


def _to_shocks(S: np.ndarray, values: np.ndarray, period: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Sum `values`, shape (n,), over rows by their shares, shape (periods, K)."""
    out = np.zeros(like.shape)
    for p in np.unique(period):
        rows = period == p
        out[p] = S[rows].T @ values[rows]
    return out


def _on_shares(S: np.ndarray, z: np.ndarray, w: np.ndarray, period: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Regress the instrument on shares, by period; zero for sectors without shares. Shape (periods, K)."""
    out = np.zeros(like.shape)
    for p in np.unique(period):
        rows = period == p
        root = np.sqrt(w[rows])
        used = S[rows].any(axis=0)
        shares = S[rows][:, used] * root[:, None]
        coefficients, _, rank, _ = np.linalg.lstsq(shares, z[rows] * root, rcond=None)
        if rank < used.sum():
            raise CollinearError(
                f"shares of {used.sum()} sectors in {rows.sum()} rows have rank {rank}: aggregate sectors whose shares "
                "others determine, or use errors='bhj'"
            )
        out[p, used] = coefficients
    return out
