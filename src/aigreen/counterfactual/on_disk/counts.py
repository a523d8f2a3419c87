r"""Poisson pseudo-maximum likelihood on untreated rows of a panel on disk, one pass a step of Newton's method.

Units take their maximum given the other effects, :math:`e^{\alpha_i} = \sum_t w y / \sum_t w e^{\eta - \alpha_i}`, in
each block, so that steps are those of the concentrated likelihood, a weighted least squares of :math:`(y - \mu) / \mu`
with weights :math:`w\mu`. At the solution the sums of that least squares are those of the counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.design import Design, Rows
from aigreen.errors import (
    CollinearError,
    ConvergenceError,
    DataError,
    EstimationError,
    NoControlsError,
    SeparationWarning,
)
from aigreen.linalg.eliminated import Eliminated
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.sample import SHOWN

_SETTLED = 1e-9  # largest change of an index in a step; that of the next one is of its square
_FARTHEST = 4.0  # largest change of an index that one step may make
_STEPS = 60
_HALVINGS = 20


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
        top = np.full(n, -np.inf)
        np.maximum.at(top, unit[kept], index[kept])
        index -= np.where(np.isfinite(top), top, 0.0)[unit]
        size = np.bincount(unit[kept], (w * np.exp(np.where(kept, index, 0.0)))[kept], n)
        past = np.bincount(unit, rows.clean, n) > 0
        positive = alive & (total > 0)[unit]
        with np.errstate(divide="ignore", over="ignore"):
            index += np.log(np.where(size > 0, total, 1.0) / np.where(size > 0, size, 1.0))[unit]
            mean = np.where(positive, np.exp(index), 0.0)
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
    _check_counts(design)
    linear = CleanRows(design, dropped)
    if len(linear.kept) < len(design.covariates):
        raise CollinearError(
            "from disk covariates of counts must be independent of fixed effects and of each other: leave out "
            + ", ".join(name for j, name in enumerate(design.covariates) if 1 + j not in linear.kept)
        )
    means = _without_zero_groups(design, linear.equations, dropped)
    reach = (linear.moments.high - linear.moments.low)[1:]
    best, start, step = -np.inf, means, (np.zeros_like(means.gamma), np.zeros_like(means.beta))
    size, halvings, rank = 0.0, 0, 0
    for _ in range(_STEPS):
        equations, likelihood = _equations(replace(design, means=means))
        if not likelihood >= best - 1e-11 * abs(best) and halvings < _HALVINGS:
            size, halvings = size / 2, halvings + 1
            means = _moved(start, step, size)
            continue
        gamma = equations.solve(equations.right)
        gram = equations.gram - equations.right.T @ gamma
        try:
            d_beta = np.linalg.solve(gram[1:, 1:], gram[1:, 0])
        except np.linalg.LinAlgError:
            break
        d_gamma = gamma[:, 0] - gamma[:, 1:] @ d_beta
        largest = float(np.abs(d_beta) @ reach)
        for a, b in zip(equations.offsets[:-1], equations.offsets[1:], strict=True):
            some = d_gamma[a:b][means.alive[a:b]]
            largest += float(np.ptp(some)) if some.size else 0.0
        if not np.isfinite(largest):
            break
        rank = max(rank, equations.rank)
        best, start, step, halvings = likelihood, means, (d_gamma, d_beta), 0
        size = 1.0 / max(1.0, largest / _FARTHEST)
        means = _moved(start, step, size)
        if largest < _SETTLED:
            if equations.rank < rank:  # means that run to zero take equations with them
                break
            return replace(design, means=means)
    raise ConvergenceError(
        "the Poisson fit did not converge: covariates or effects may separate some rows, which a Panel in memory finds "
        "and leaves out"
    )


def _moved(means: CountMeans, step: tuple[np.ndarray, np.ndarray], size: float) -> CountMeans:
    return replace(means, gamma=means.gamma + size * step[0], beta=means.beta + size * step[1])


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


def _check_counts(design: Design) -> None:
    sample, name = design.sample, design.outcomes[0]
    negative, n, positive, first = 0, 0, False, list[str]()
    for block in sample.blocks("counts"):
        bad = np.flatnonzero(block.columns[name] < 0)
        negative, n = negative + bad.size, n + len(block)
        positive |= bool(block.columns[name].any())
        first += block.rows(bad[: SHOWN - len(first)], sample.periods)
    if negative:
        raise DataError(
            f"column {name!r}: {negative:,} negative values; a count model needs values of zero or more",
            column=name,
            count=negative,
            first=first,
        )
    if not positive:
        raise DataError(f"column {name!r} is zero in every row", column=name, count=n)


def _without_zero_groups(design: Design, linear: Eliminated, dropped: Dropped) -> CountMeans:
    """Separate effects whose untreated outcomes are all zero, repeatedly, and count their rows."""
    seen = linear.diagonal > 0
    means = CountMeans(np.zeros(len(seen)), np.zeros(len(design.covariates)), seen, seen)
    while True:
        total = np.zeros(len(seen))
        gone, n, first = 0, 0, list[str]()
        for rows in _rows(design, linear.offsets, "counts, zeros"):
            kept = means.of(rows).clean
            lost = np.flatnonzero(rows.clean & ~kept)
            gone, n = gone + lost.size, n + int(rows.clean.sum())
            first += rows.block.rows(lost[: SHOWN - len(first)], design.sample.periods)
            for level in rows.levels_of(kept):
                total += np.bincount(level, rows.outcome[kept], len(total))
        alive = means.alive & (total > 0)
        if np.array_equal(alive, means.alive):
            break
        means = replace(means, alive=alive)
    if gone == n:
        raise NoControlsError("every untreated outcome is zero", count=n)
    reason = "untreated outcome always zero in a fixed effect (separated)"
    dropped.add(SeparationWarning, "untreated rows", reason, gone, first)
    return means


def check_finite(mass: np.ndarray) -> None:
    """Refuse counterfactuals that overflow.

    Raises
    ------
    EstimationError
    """
    if not np.isfinite(mass).all():
        raise EstimationError("counterfactual means overflow: covariates of treated rows are far outside the untreated")
