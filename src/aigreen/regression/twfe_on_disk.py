"""Least squares and Poisson with absorbed effects of units and of few levels, of a panel on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from aigreen.effects.cluster_shares import ClusterShares
from aigreen.errors import NoTreatedError, NoVariationError, SeparationWarning
from aigreen.linalg.arrays import centre_by, cross_products, sum_by
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse
from aigreen.linalg.eliminated import Eliminated, Moments
from aigreen.linalg.poisson import AT_REST
from aigreen.linalg.poisson_in_blocks import Point, at_maximum, escaping, maximise, watcher
from aigreen.linalg.sandwich import cluster_factor, parameters_of_levels
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Block, Counted
from aigreen.panel.on_disk.sample import ScannedSample
from aigreen.regression.absorbed import EXPLAINED
from aigreen.regression.dummies import Dosed, shares_by_cohort, shares_of_ever
from aigreen.regression.horizons import Window, horizon_dummies, horizon_of, horizons_found
from aigreen.regression.sample import always_treated
from aigreen.regression.separation import BY_COVARIATES


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
            labels = list(horizons_found(horizon, reference, sample.panel.names, dropped))
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
    sample : ScannedSample
        Without the rows that covariates separate.
    regressors : Regressors
        Columns that stay.
    beta : ndarray, shape (k,)
    psi : ndarray, shape (clusters, k)
        With the small-sample factor.
    bread : ndarray, shape (k, k)
    shares : ClusterShares, or None
    total_weight, largest : float
        Sum of weights, of counts times these; largest outcome in absolute value.
    told : dict of str to str
    """

    sample: ScannedSample
    regressors: Regressors
    beta: np.ndarray
    psi: np.ndarray
    bread: np.ndarray
    shares: ClusterShares | None
    total_weight: float
    largest: float
    told: dict[str, str]


@dataclass(frozen=True, eq=False)
class Rows:
    r"""Rows of a block as those of a least squares.

    Attributes
    ----------
    block : Block
    levels : list of ndarray of int, shape (n,)
        Of the effects beside that of units, numbered one after the other.
    w : ndarray, shape (n,)
        Weights, of counts times their means.
    values : ndarray, shape (n, 1 + k)
        Outcome, of counts :math:`(y - \mu) / \mu`, and regressors.
    """

    block: Block
    levels: list[np.ndarray]
    w: np.ndarray
    values: np.ndarray


@dataclass(frozen=True, eq=False)
class Model:
    """What is regressed on what.

    Attributes
    ----------
    sample : ScannedSample
    outcome : str
    regressors : Regressors
    counts : bool
    offset : str, optional
        Of the index of counts.
    """

    sample: ScannedSample
    outcome: str
    regressors: Regressors
    counts: bool = False
    offset: str | None = None

    @property
    def sizes(self) -> list[int]:
        """Numbers of levels of the effects beside that of units."""
        return [self.sample.panel.n_levels(name) for name in self.sample.effects]

    def of(self, block: Block, means: Point | None = None) -> Rows:
        """Rows of a block of the sample; with given effects and slopes those of a step of the fit of counts."""
        starts = np.cumsum([0, *self.sizes])
        levels = [block.codes[name] + start for name, start in zip(self.sample.effects, starts, strict=False)]
        y = block.columns[self.outcome]
        values = np.column_stack([y, self.regressors.matrix(block, self.sample)])
        if means is None:
            return Rows(block, levels, block.w, values)
        index = self._along(means, levels, values)
        if self.offset is not None:
            index += block.columns[self.offset]
        mean = np.exp(at_maximum(index, block.unit, block.n_units, block.w, y, np.ones(len(y), dtype=bool)))
        values[:, 0] = np.divide(y - mean, mean, out=np.zeros(len(y)), where=mean > 0)
        return Rows(block, levels, block.w * mean, values)

    def rows(self, means: Point | None = None) -> Iterator[Rows]:
        """Pass through the rows."""
        for block in self.sample.blocks("TWFE"):
            yield self.of(block, means)

    def _along(self, point: Point, levels: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
        """Index of rows without effects of units, shape (n,)."""
        index = values[:, 1:] @ point[1]
        for level in levels:
            index += point[0][level]
        return index

    def equations(self, means: Point) -> tuple[Eliminated, float]:
        """Build the equations of a step of the fit of counts; also return the log-likelihood."""
        equations, likelihood = Eliminated(self.sizes, 1 + len(self.regressors.labels)), 0.0
        for rows in self.rows(means):
            equations.add(rows.block.unit, rows.block.n_units, rows.levels, rows.w, rows.values)
            y, w = rows.block.columns[self.outcome], rows.block.w
            some = y > 0
            likelihood += float((w * y)[some] @ np.log((rows.w / w)[some]))
        return equations, likelihood

    def refuse_escape(self, means: Point, step: Point) -> None:
        """Raise `_EscapeError` where a step lets means of zero counts run to zero, and moves no other mean."""
        found, position = Counted(), np.searchsorted(self.sample.times, self.sample.panel.times)

        def escapes(rows: Rows) -> tuple[np.ndarray, float]:
            block, change = rows.block, self._along(step, rows.levels, rows.values)
            zero = block.columns[self.outcome] == 0
            return escaping(change, block.unit, block.n_units, rows.w, zero, np.ones(len(block), dtype=bool))

        for rows in self.rows(means):
            gone, moved = escapes(rows)
            if moved >= AT_REST:
                return
            found.add(rows.block, np.flatnonzero(gone), self.sample.periods)

        def keep(block: Block) -> np.ndarray:
            return ~escapes(self.of(replace(block, time=position[block.time]), means))[0]

        if found.count:
            raise _EscapeError(keep, found)


class _EscapeError(Exception):
    """Means of zero counts run to zero: these rows, and what marks the other rows of a block."""

    def __init__(self, keep: Callable[[Block], np.ndarray], gone: Counted) -> None:
        super().__init__()
        self.keep, self.gone = keep, gone


class _FirstPass:
    """What a pass through the rows finds.

    Attributes
    ----------
    equations : Eliminated
        Of outcome and regressors.
    moments : Moments
    across : list of bool
        Whether an effect has a level in more than one cluster.
    smallest : float
        Smallest positive outcome times its weight.
    always : Counted
        Units treated in all their rows.
    """

    def __init__(self, model: Model) -> None:
        sample, regressors = model.sample, model.regressors
        k, n_clusters = len(regressors.labels), len(sample.clusters)
        self.equations, self.moments = Eliminated(model.sizes, 1 + k), Moments(1 + k)
        self.smallest, self.always = np.inf, Counted()
        low, high = np.full(self.equations.n_levels, n_clusters), np.full(self.equations.n_levels, -1)
        for rows in model.rows():
            block, y = rows.block, rows.values[:, 0]
            self.equations.add(block.unit, block.n_units, rows.levels, rows.w, rows.values)
            self.moments.add(rows.values, rows.w)
            self.smallest = min(self.smallest, float((rows.w * y)[y > 0].min(initial=np.inf)))
            cluster = sample.unit_cluster[block.group][block.unit]
            for level in rows.levels:
                np.minimum.at(low, level, cluster)
                np.maximum.at(high, level, cluster)
            if not regressors.treatments:
                before = sample.times[block.time] < sample.panel.group_cohort[block.group][block.unit]
                self.always.add_units(block, np.bincount(block.unit, before, block.n_units) == 0)
        self.across = [bool((low[a:b] < high[a:b]).any()) for a, b in pairwise(self.equations.offsets)]


class _Behind:
    """Weights of the rows behind dummies of treatment, of counts times their means.

    Attributes
    ----------
    mass : ndarray, shape (groups, times)
        Without given treatments.
    dummies : bool
        Whether given treatments are dummies.
    dosed : Dosed
        Where they are not.
    ever : ndarray, shape (clusters, 2)
        Of units that ever have one, and of others.
    of_ever : ndarray, shape (n_treatments,)
    """

    def __init__(self, model: Model) -> None:
        self._sample, self._regressors = model.sample, model.regressors
        self.mass: np.ndarray = np.zeros(model.sample.mass.shape)
        self.dummies = True
        self.dosed = Dosed(len(model.sample.clusters), model.regressors.n_treatments)
        self.ever, self.of_ever = np.zeros((len(model.sample.clusters), 2)), np.zeros(model.regressors.n_treatments)

    def add(self, rows: Rows) -> None:
        """Add the rows of a block."""
        block, w = rows.block, rows.w
        group = block.group[block.unit]
        if not self._regressors.treatments:
            cell = group * self.mass.shape[1] + block.time
            self.mass += np.bincount(cell, w, self.mass.size).reshape(self.mass.shape)
            return
        D = rows.values[:, 1 : 1 + self._regressors.n_treatments]
        self.dummies &= bool(((D == 0) | (D == 1)).all())
        ever = (np.bincount(block.unit, D.any(axis=1), block.n_units) > 0)[block.unit]
        cluster = self._sample.unit_cluster[group]
        self.ever += np.stack([np.bincount(cluster, w * side, len(self.ever)) for side in (ever, ~ever)], axis=1)
        self.of_ever += (w * ever) @ D
        self.dosed.add(D, block.unit, block.n_units, cluster, w)

    def shares(self, k: int, last: int) -> ClusterShares | None:
        """Shares behind k coefficients, those of treatments first; None where no clusters are known."""
        sample, n_clusters = self._sample, len(self._sample.clusters)
        if not self._regressors.treatments:
            group, time = sample.cells()
            cohort = sample.panel.group_cohort[group]
            D = self._regressors.dummies(sample.times[time], cohort)
            return shares_by_cohort(D, k, cohort, last, sample.unit_cluster[group], self.mass[group, time], n_clusters)
        if not self.dummies:
            return self.dosed.shares(k)
        clusters = np.tile(np.arange(n_clusters), 2)
        ever = np.arange(2 * n_clusters) < n_clusters
        shares = shares_of_ever(
            np.zeros((2 * n_clusters, 0)), k, ever, clusters, self.ever.T.ravel(), n_clusters
        )  # fmt: skip
        of = np.zeros((1, k))
        of[0, : len(self.of_ever)] = self.of_ever > 0
        return replace(shares, of=of)


def fit_blocks(model: Model, last: int, refuse: Callable[[list[Any], np.ndarray, int], None], dropped: Dropped) -> Fit:
    """Regress in two passes: normal equations, then scores by cluster; counts take a pass a step between them.

    Parameters
    ----------
    last : int
        Last period of the complete rows.
    refuse : function of labels, ndarray of bool and number of separated rows
        Raises where a treatment is determined by others.

    Raises
    ------
    CollinearError, NoVariationError, ConvergenceError, TooFewClustersError, EstimationError
    """
    panel, n_clusters, k = model.sample.panel, len(model.sample.clusters), len(model.regressors.labels)
    n_levels = sum(model.sizes)
    panel.check_room(
        f"equations of {n_levels:,} levels, and influence functions of {k} effects by {n_clusters:,} clusters",
        "take fewer levels, or name cluster= with fewer clusters",
        4 * n_levels**2,
        3 * n_clusters * k,
    )
    means: Point | None = None
    n_separated = 0
    while True:
        labels, found = model.regressors.labels, _FirstPass(model)
        equations, size = found.equations, found.moments.size
        gamma = equations.solve(equations.right)
        gram = equations.gram - equations.right.T @ gamma
        keep = independent_columns(gram[1:, 1:], size[1:])
        refuse(labels, keep, n_separated)
        dropped.collinear(labels, keep)
        model = replace(model, regressors=model.regressors.take(keep))
        if not model.counts:
            break
        try:
            means = _fit_means(model, found, keep)
            break
        except _EscapeError as found_zero:
            dropped.add(SeparationWarning, "rows", BY_COVARIATES, found_zero.gone.count, found_zero.gone.first)
            n_separated += found_zero.gone.count
            model = replace(model, sample=model.sample.restricted(found_zero.keep))
    sample, regressors = model.sample, model.regressors
    if means is not None:
        equations = model.equations(means)[0]
        gamma = equations.solve(equations.right)
        gram, beta = equations.gram - equations.right.T @ gamma, means[1].copy()
    else:
        kept = np.flatnonzero(np.append(True, keep))
        gamma, gram, beta = gamma[:, kept], gram[np.ix_(kept, kept)], np.zeros(int(keep.sum()))
    ahead = symmetric_inverse(gram[1:, 1:]) @ gram[1:, 0]

    scores, bread, left, total = np.zeros((n_clusters, len(beta))), np.zeros_like(gram[1:, 1:]), np.zeros(2), 0.0
    behind = _Behind(model)
    for rows in model.rows(means):
        behind.add(rows)
        values = rows.values
        for level in rows.levels:
            values = values - gamma[level]
        values = centre_by(rows.block.unit, values, rows.w, rows.block.n_units)
        y, x = values[:, 0], values[:, 1:]
        left += y.sum(), y @ y
        total += float(rows.w.sum())
        weighted = x * rows.w[:, None]
        bread += cross_products(x, weighted)
        clusters, of = np.unique(sample.unit_cluster[rows.block.group], return_inverse=True)
        scores[clusters] += sum_by(of[rows.block.unit], weighted * (y - x @ ahead)[:, None], len(clusters))
    n = int(sample.rows.sum())
    spread = np.sqrt(max(left[1] / n - (left[0] / n) ** 2, 0.0))
    if not model.counts and spread <= EXPLAINED * np.sqrt(max(size[0] / found.moments.weight, 0.0)):
        raise NoVariationError(model.outcome)
    bread = symmetric_inverse(bread)
    beta += ahead + bread @ scores.sum(axis=0)
    levels = [found.equations.diagonal[a:b] > 0 for a, b in pairwise(found.equations.offsets)]
    counted = [int(of.sum()) for of, across in zip(levels, found.across, strict=True) if across]
    factor = cluster_factor(n, parameters_of_levels(len(beta), counted), sample.n_clusters)
    return Fit(
        sample,
        regressors,
        beta,
        np.sqrt(factor) * (scores @ bread),
        bread,
        behind.shares(len(beta), last),
        total,
        found.moments.largest,
        {} if regressors.treatments else always_treated(found.always.count, found.always.first),
    )


def _fit_means(model: Model, found: _FirstPass, keep: np.ndarray) -> Point:
    """Fit counts.

    Raises
    ------
    _EscapeError, ConvergenceError
    """
    reach = found.equations.reach[1:][keep]
    watch = watcher(found.smallest, model.refuse_escape)
    return maximise(model.equations, found.equations.diagonal > 0, reach, watch)
