"""Least squares with absorbed effects of units and of few levels, of a panel on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from aigreen.effects.cluster_shares import ClusterShares
from aigreen.errors import (
    AlwaysTreatedWarning,
    EmptyDataError,
    NoTreatedError,
    NoVariationError,
    SingletonWarning,
    warn,
)
from aigreen.linalg.arrays import cross_products, sum_by
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse
from aigreen.linalg.eliminated import Eliminated, Moments, Units
from aigreen.linalg.sandwich import cluster_factor, parameters_of_levels
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Block
from aigreen.panel.on_disk.sample import SHOWN, ScannedSample
from aigreen.regression.absorbed import EXPLAINED
from aigreen.regression.dummies import shares_by_cohort, shares_of_ever
from aigreen.regression.horizons import Window, horizon_dummies, horizon_of, horizons_found
from aigreen.regression.sample import NO_ROWS


def without_singletons(sample: ScannedSample, dropped: Dropped) -> ScannedSample:
    """Leave out rows alone in a fixed effect, repeatedly, and count them.

    Raises
    ------
    EmptyDataError
    """
    panel = sample.panel
    sizes = [panel.n_levels(name) for name in sample.effects]
    alone = [np.zeros(size, dtype=bool) for size in sizes]

    def keep(block: Block) -> np.ndarray:
        kept = np.ones(len(block), dtype=bool)
        for name, of_level in zip(sample.effects, alone, strict=True):
            kept &= ~of_level[block.codes[name]]
        return kept & (np.bincount(block.unit, kept, block.n_units) > 1)[block.unit]

    while True:
        counts = [np.zeros(size, dtype=np.int64) for size in sizes]
        gone, first = 0, list[str]()
        for block in sample.blocks("singletons"):
            kept = keep(block)
            lost = np.flatnonzero(~kept)
            gone += lost.size
            first += block.rows(lost[: SHOWN - len(first)], sample.periods)
            for name, count in zip(sample.effects, counts, strict=True):
                count += np.bincount(block.codes[name][kept], minlength=len(count))
        if not any((count == 1).any() for count in counts):
            break
        for of_level, count in zip(alone, counts, strict=True):
            of_level |= count == 1
    dropped.add(SingletonWarning, "rows", "alone in a fixed effect", gone, first)
    if gone == sample.rows.sum():
        raise EmptyDataError(NO_ROWS, count=0)
    return sample.restricted(keep) if gone else sample


@dataclass(frozen=True, eq=False)
class Regressors:
    """Columns of a block: treatments, or dummies of treatment or of horizons, then covariates.

    Attributes
    ----------
    labels : list
        Names of the columns, or horizons.
    n_treatments : int
    treatments, covariates : sequence of str
    window : bool or (int, int)
        Of an event study; False for none.
    """

    labels: list[Any]
    n_treatments: int
    treatments: Sequence[str]
    covariates: Sequence[str]
    window: Window

    @classmethod
    def of(
        cls,
        sample: ScannedSample,
        treatments: Sequence[str],
        covariates: Sequence[str],
        window: Window,
        reference: int,
        dropped: Dropped,
    ) -> Regressors:
        """Name the columns.

        Raises
        ------
        NoTreatedError, NoPrePeriodError
        """
        labels: list[Any] = list(treatments or ["treated"])
        if window:
            group, time = sample.cells()
            horizon = horizon_of(sample.times[time], sample.panel.group_cohort[group], window)
            labels = list(horizons_found(horizon, reference, dropped))
        elif not treatments and not sample.treated.any():
            message = "no row is at or after a first treated period; name a treatment= column or a cohort"
            raise NoTreatedError(message + dropped.cause(), count=0)
        return cls([*labels, *covariates], len(labels), treatments, covariates, window)

    def dummies(self, time: np.ndarray, cohort: np.ndarray) -> np.ndarray:
        """Dummies of treatment or of horizons of rows, shape (n, n_treatments)."""
        if self.window:
            return horizon_dummies(horizon_of(time, cohort, self.window), self.labels[: self.n_treatments])
        return (time >= cohort).astype(float)[:, None]

    def matrix(self, block: Block, sample: ScannedSample) -> np.ndarray:
        """Columns of the rows of a block, shape (n, k)."""
        columns = [block.columns[name] for name in [*self.treatments, *self.covariates]]
        given = np.column_stack(columns) if columns else np.zeros((len(block), 0))
        if self.treatments:
            return given
        cohort = sample.panel.group_cohort[block.group][block.unit]
        return np.hstack([self.dummies(sample.times[block.time], cohort), given])

    def take(self, keep: np.ndarray) -> Regressors:
        """Return the columns marked, all treatments among them."""
        of_covariates = keep[self.n_treatments :]
        kept = [name for name, good in zip(self.covariates, of_covariates, strict=True) if good]
        return replace(self, labels=[*self.labels[: self.n_treatments], *kept], covariates=kept)


@dataclass(frozen=True, eq=False)
class Fit:
    """A regression.

    Attributes
    ----------
    regressors : Regressors
        Columns that stay.
    beta : ndarray, shape (k,)
    psi : ndarray, shape (clusters, k)
        With the small-sample factor.
    bread : ndarray, shape (k, k)
    shares : ClusterShares, or None
    total_weight, largest : float
        Sum of weights; largest outcome in absolute value.
    told : dict of str to str
    """

    regressors: Regressors
    beta: np.ndarray
    psi: np.ndarray
    bread: np.ndarray
    shares: ClusterShares | None
    total_weight: float
    largest: float
    told: dict[str, str]


@dataclass(eq=False)
class _FirstPass:
    """What one pass through the rows finds."""

    equations: Eliminated
    moments: Moments
    n_always: int = 0
    first_always: list[Any] = field(default_factory=list)
    dummies: bool = True
    ever: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    of_ever: np.ndarray = field(default_factory=lambda: np.zeros(0))


def fit_blocks(
    sample: ScannedSample,
    outcome: str,
    regressors: Regressors,
    last: int,
    refuse: Any,
    dropped: Dropped,
) -> Fit:
    """Regress in two passes: normal equations, then scores by cluster.

    Parameters
    ----------
    last : int
        Last period of the complete rows.
    refuse : function of labels and ndarray of bool
        Raises where a treatment is determined by others.

    Raises
    ------
    CollinearError, NoVariationError, TooFewClustersError, EstimationError
    """
    panel, n_clusters, k = sample.panel, len(sample.clusters), len(regressors.labels)
    sizes = [panel.n_levels(name) for name in sample.effects]
    panel.check_room(
        f"equations of {sum(sizes):,} levels, and influence functions of {k} effects by {n_clusters:,} clusters",
        "take fewer levels, or name cluster= with fewer clusters",
        4 * sum(sizes) ** 2,
        3 * n_clusters * k,
    )
    found, outer = _first_pass(sample, outcome, regressors, sizes)
    equations, size = found.equations, found.moments.size
    gamma = equations.solve(equations.right)
    gram = equations.gram - equations.right.T @ gamma
    keep = independent_columns(gram[1:, 1:], size[1:])
    refuse(regressors.labels, keep)
    dropped.collinear(regressors.labels, keep)
    kept = np.flatnonzero(np.append(True, keep))
    narrow, gamma, gram = regressors.take(keep), gamma[:, kept], gram[np.ix_(kept, kept)]
    beta = symmetric_inverse(gram[1:, 1:]) @ gram[1:, 0]

    scores, bread = np.zeros((n_clusters, len(beta))), np.zeros((len(beta), len(beta)))
    left = np.zeros(2)
    largest = 0.0
    for block, units, values, levels in _values(sample, outcome, narrow, equations):
        largest = max(largest, float(np.abs(values[:, 0]).max()))
        for level in levels:
            values = values - gamma[level]
        values = values - units.mean(block.unit, block.w, values)[block.unit]
        y, x = values[:, 0], values[:, 1:]
        left += y.sum(), y @ y
        weighted = x * block.w[:, None]
        bread += cross_products(x, weighted)
        clusters, of = np.unique(sample.unit_cluster[block.group], return_inverse=True)
        scores[clusters] += sum_by(of[block.unit], weighted * (y - x @ beta)[:, None], len(clusters))
    n = int(sample.rows.sum())
    spread = np.sqrt(max(left[1] / n - (left[0] / n) ** 2, 0.0))
    if spread <= EXPLAINED * np.sqrt(max(size[0] / found.moments.weight, 0.0)):
        raise NoVariationError(outcome)
    bread = symmetric_inverse(bread)
    beta += bread @ scores.sum(axis=0)
    counted = [
        int((equations.diagonal[a:b] > 0).sum())
        for a, b, inside in zip(equations.offsets[:-1], equations.offsets[1:], outer, strict=True)
        if not inside
    ]
    factor = cluster_factor(n, parameters_of_levels(len(beta), counted), sample.n_clusters)
    return Fit(
        narrow,
        beta,
        np.sqrt(factor) * (scores @ bread),
        bread,
        _shares(sample, found, narrow, len(beta), last),
        found.moments.weight,
        largest,
        _told(found) if not regressors.treatments else {},
    )


def _values(sample: ScannedSample, outcome: str, regressors: Regressors, equations: Eliminated) -> Any:
    """Yield blocks with sums by unit, outcome and regressors beside each other, and levels."""
    for block in sample.blocks("TWFE"):
        levels = [block.codes[name] + a for name, a in zip(sample.effects, equations.offsets, strict=False)]
        values = np.column_stack([block.columns[outcome], regressors.matrix(block, sample)])
        yield block, Units.of(block.unit, block.n_units, levels, block.w, equations.n_levels), values, levels


def _first_pass(
    sample: ScannedSample, outcome: str, regressors: Regressors, sizes: Sequence[int]
) -> tuple[_FirstPass, list[bool]]:
    """Build normal equations of outcome and regressors; also say which effects lie within clusters."""
    k, n_clusters = len(regressors.labels), len(sample.clusters)
    equations = Eliminated(sizes, 1 + k)
    found: _FirstPass | None = None
    low = np.full(equations.n_levels, n_clusters)
    high = np.full(equations.n_levels, -1)
    for block in sample.blocks("TWFE"):
        levels = [block.codes[name] + a for name, a in zip(sample.effects, equations.offsets, strict=False)]
        X = regressors.matrix(block, sample)
        values = np.column_stack([block.columns[outcome], X])
        if found is None:
            found = _FirstPass(equations, Moments(1 + k))
            found.ever, found.of_ever = np.zeros((n_clusters, 2)), np.zeros(k)
        equations.add(block.unit, block.n_units, levels, block.w, values)
        found.moments.add(values, block.w)
        cluster = sample.unit_cluster[block.group][block.unit]
        for level in levels:
            np.minimum.at(low, level, cluster)
            np.maximum.at(high, level, cluster)
        if regressors.treatments:
            _add_given(found, block, X[:, : regressors.n_treatments], cluster)
        else:
            cohort = sample.panel.group_cohort[block.group]
            size = np.bincount(block.unit, minlength=block.n_units)
            treated = np.bincount(block.unit, sample.times[block.time] >= cohort[block.unit], block.n_units)
            always = treated == size
            found.n_always += int(always.sum())
            found.first_always += block.labels[always][: SHOWN - len(found.first_always)].tolist()
    assert found is not None
    within = [
        bool((low[a:b] >= high[a:b]).all()) for a, b in zip(equations.offsets[:-1], equations.offsets[1:], strict=True)
    ]
    return found, within


def _add_given(found: _FirstPass, block: Block, D: np.ndarray, cluster: np.ndarray) -> None:
    """Count rows of units that ever have a given treatment, and others."""
    found.dummies &= bool(((D == 0) | (D == 1)).all())
    ever = (np.bincount(block.unit, D.any(axis=1), block.n_units) > 0)[block.unit]
    found.ever += np.stack(
        [np.bincount(cluster, block.w * side, len(found.ever)) for side in (ever, ~ever)], axis=1
    )  # fmt: skip
    found.of_ever[: D.shape[1]] += (block.w * ever) @ D


def _shares(
    sample: ScannedSample, found: _FirstPass, regressors: Regressors, k: int, last: int
) -> ClusterShares | None:
    n_clusters = len(sample.clusters)
    if not regressors.treatments:
        group, time = sample.cells()
        cohort = sample.panel.group_cohort[group]
        D = regressors.dummies(sample.times[time], cohort)
        weights = sample.mass[group, time].astype(float)
        return shares_by_cohort(D, k, cohort, last, sample.unit_cluster[group], weights, n_clusters)
    if not found.dummies:
        return None
    clusters = np.tile(np.arange(n_clusters), 2)
    ever = np.arange(2 * n_clusters) < n_clusters
    shares = shares_of_ever(
        np.zeros((2 * n_clusters, 0)), k, ever, clusters, found.ever.T.ravel(), n_clusters
    )  # fmt: skip
    return replace(shares, of=(found.of_ever[None, :k] > 0).astype(float))


def _told(found: _FirstPass) -> dict[str, str]:
    """Say what becomes of units treated in all their rows."""
    if not found.n_always:
        return {}
    message = f"{found.n_always:,} units are treated in all their periods: they stay in the regression as comparison"
    warn(AlwaysTreatedWarning(message, count=found.n_always, first=found.first_always))
    return {"always treated": f"{found.n_always:,} units, kept as comparison"}
