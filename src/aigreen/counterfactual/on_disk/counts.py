"""Poisson pseudo-maximum likelihood on untreated rows of a panel on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.design import Design, Rows
from aigreen.errors import CollinearError, EstimationError, NoControlsError, SeparationWarning
from aigreen.linalg.eliminated import Eliminated
from aigreen.linalg.poisson_in_blocks import Point, at_maximum, maximise
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Counted
from aigreen.panel.on_disk.sample import CountCheck


@dataclass(frozen=True, eq=False)
class CountMeans:
    """Means at given effects and slopes.

    Attributes
    ----------
    gamma : ndarray, shape (levels,)
    beta : ndarray, shape (p,)
    seen, alive : ndarray of bool, shape (levels,)
        Levels with untreated rows, and with such of a positive count.
    """

    gamma: np.ndarray
    beta: np.ndarray
    seen: np.ndarray
    alive: np.ndarray

    def of(self, rows: Rows) -> Rows:
        """Rows as of a least squares: weights times means, outcomes relative to means, separated rows left out."""
        unit, n, w, y = rows.block.unit, rows.block.n_units, rows.block.w, rows.outcome
        index = rows.values[:, 1 : 1 + len(self.beta)] @ self.beta
        seen, alive = np.ones(len(y), dtype=bool), np.ones(len(y), dtype=bool)
        for level in rows.levels:
            index += self.gamma[level]
            seen &= self.seen[level]
            alive &= self.alive[level]
        kept = rows.clean & alive
        total = np.bincount(unit, w * y * kept, n)
        kept &= (total > 0)[unit]
        past = np.bincount(unit, rows.clean, n) > 0
        positive = alive & (total > 0)[unit]
        with np.errstate(over="ignore"):
            mean = np.where(positive, np.exp(at_maximum(index, unit, n, w, y, kept)), 0.0)
        zero = ~rows.untreated & ~positive & seen & past[unit]
        values = rows.values.copy()
        values[:, 0] = np.divide(y - mean, mean, out=np.zeros_like(mean), where=mean > 0)
        return replace(rows, clean=kept, w=w * mean, zero=zero, values=values)


def fit_counts(design: Design, dropped: Dropped) -> Design:
    """Return the design with the means of counts on its clean rows.

    Raises
    ------
    DataError
        Counts are negative or always zero.
    CollinearError, ConvergenceError
        Covariates are not independent, or separate rows.
    """
    check = CountCheck(design.outcomes[0])
    for block in design.sample.blocks("counts"):
        check.add(block, design.sample.periods)
    check.refuse()
    linear = CleanRows(design, dropped)
    if len(linear.kept) < len(design.covariates):
        raise CollinearError(
            "from disk covariates of counts must be independent of fixed effects and of each other: leave out "
            + ", ".join(name for j, name in enumerate(design.covariates) if 1 + j not in linear.kept)
        )
    means = _without_zero_groups(design, linear.equations, dropped)
    reach = (linear.moments.high - linear.moments.low)[1:]

    def at(point: Point) -> Design:
        return replace(design, means=replace(means, gamma=point[0], beta=point[1]))

    return at(maximise(lambda point: _equations(at(point)), means.alive, reach))


def _rows(design: Design, offsets: np.ndarray, what: str) -> Iterator[Rows]:
    for block in design.sample.blocks(what):
        yield Rows.of(design, block, offsets)


def _equations(design: Design) -> tuple[Eliminated, float]:
    """Build the normal equations of a step; also return the log-likelihood but for what does not change."""
    equations = Eliminated([design.sample.panel.n_levels(name) for name in design.effects], 1 + len(design.covariates))
    likelihood = 0.0
    for rows in _rows(design, equations.offsets, "counts, step"):
        at = np.flatnonzero(rows.clean & (rows.w > 0))
        block, w = rows.block, rows.w[at]
        equations.add(block.unit[at], block.n_units, rows.levels_of(at), w, rows.values[at])
        likelihood += float((block.w[at] * rows.outcome[at]) @ np.log(w / block.w[at]))
    return equations, likelihood


def _without_zero_groups(design: Design, linear: Eliminated, dropped: Dropped) -> CountMeans:
    """Separate effects whose untreated outcomes are all zero, repeatedly, and count their rows."""
    seen = linear.diagonal > 0
    means = CountMeans(np.zeros(len(seen)), np.zeros(len(design.covariates)), seen, seen)
    while True:
        total = np.zeros(len(seen))
        gone, n = Counted(), 0
        for rows in _rows(design, linear.offsets, "counts, zeros"):
            kept = means.of(rows).clean
            gone.add(rows.block, np.flatnonzero(rows.clean & ~kept), design.sample.periods)
            n += int(rows.clean.sum())
            for level in rows.levels_of(kept):
                total += np.bincount(level, rows.outcome[kept], len(total))
        alive = means.alive & (total > 0)
        if np.array_equal(alive, means.alive):
            break
        means = replace(means, alive=alive)
    if gone.count == n:
        raise NoControlsError("every untreated outcome is zero", count=n)
    reason = "untreated outcome always zero in a fixed effect (separated)"
    dropped.add(SeparationWarning, "untreated rows", reason, gone.count, gone.first)
    return means


def check_finite(mass: np.ndarray) -> None:
    """Refuse counterfactuals that overflow.

    Raises
    ------
    EstimationError
    """
    if not np.isfinite(mass).all():
        raise EstimationError("counterfactual means overflow: covariates of treated rows are far outside the untreated")
