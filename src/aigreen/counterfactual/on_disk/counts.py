"""Poisson pseudo-maximum likelihood on untreated rows of a panel on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aigreen.counterfactual.on_disk.clean_rows import CleanRows
from aigreen.counterfactual.on_disk.design import Design, Rows
from aigreen.counterfactual.rows import SEPARATED
from aigreen.errors import CollinearError, EstimationError, NoControlsError, SeparationWarning
from aigreen.linalg.eliminated import Eliminated
from aigreen.linalg.poisson import AT_REST
from aigreen.linalg.poisson_in_blocks import Point, at_maximum, escaping, maximise, watcher
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
    smallest : float
        Smallest positive count of a fitted row times its weight.
    without : Escape, optional
        Rows that are left out as separated.
    """

    gamma: np.ndarray
    beta: np.ndarray
    seen: np.ndarray
    alive: np.ndarray
    smallest: float = np.inf
    without: Escape | None = None

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
        if self.without is not None:
            kept &= ~self.without.marked(rows)[0]
        total = np.bincount(unit, w * y * kept, n)
        kept &= (total > 0)[unit]
        past = np.bincount(unit, rows.clean, n) > 0
        positive = alive & (total > 0)[unit]
        with np.errstate(over="ignore"):
            mean = np.where(positive, np.exp(at_maximum(index, unit, n, w, y, kept)), 0.0)
        zero = ~rows.clean & ~positive & seen & past[unit]
        values = rows.values.copy()
        values[:, 0] = np.divide(y - mean, mean, out=np.zeros_like(mean), where=mean > 0)
        return replace(rows, clean=kept, w=w * mean, zero=zero, values=values, target=(w * mean)[:, None])


@dataclass(frozen=True, eq=False)
class Escape:
    """Zero counts whose means run to zero in a step from given means, in which no other mean moves."""

    means: CountMeans
    step: Point

    def marked(self, rows: Rows) -> tuple[np.ndarray, float]:
        """Mark these rows, and those that escaped before; also return how far the step moves other rows."""
        fitted, block = self.means.of(rows), rows.block
        change = rows.values[:, 1 : 1 + len(self.step[1])] @ self.step[1]
        for level in rows.levels:
            change += self.step[0][level]
        gone, moved = escaping(change, block.unit, block.n_units, fitted.w, rows.outcome == 0, fitted.clean)
        if self.means.without is not None:
            gone |= self.means.without.marked(rows)[0]
        return gone, moved


class EscapeError(Exception):
    """Zero counts are separated: what marks them, and who they are."""

    def __init__(self, escape: Escape, gone: Counted) -> None:
        super().__init__()
        self.escape, self.gone = escape, gone


def fit_counts(design: Design, dropped: Dropped) -> Design:
    """Return the design with the means of counts on its clean rows.

    Raises
    ------
    DataError
        Counts are negative or always zero.
    CollinearError, ConvergenceError
        Covariates are not independent, or separate rows.
    """
    check_outcome(design)
    linear = CleanRows(design, dropped, reach=False)
    require_independent(design.covariates, np.isin(1 + np.arange(len(design.covariates)), linear.kept))
    reach = linear.equations.reach[1:]
    return fit_without_escaping(design, without_zero_groups(design, linear.equations, dropped), reach, dropped)


def check_outcome(design: Design) -> None:
    """Raise a `DataError` where counts are negative or always zero."""
    check = CountCheck(design.outcomes[0])
    for block in design.sample.blocks("counts"):
        check.add(block, design.sample.periods)
    check.refuse()


def independent(design: Design) -> np.ndarray:
    """Mark the covariates that fixed effects and earlier ones do not determine on the rows with means."""
    return np.isin(1 + np.arange(len(design.covariates)), CleanRows(design, None, reach=False).kept)


def require_independent(covariates: Sequence[str], keep: np.ndarray) -> None:
    """Refuse covariates of counts that are not marked as independent.

    Raises
    ------
    CollinearError
    """
    if not keep.all():
        raise CollinearError(
            "from disk covariates of counts must be independent of fixed effects and of each other: leave out "
            + ", ".join(name for name, kept in zip(covariates, keep, strict=True) if not kept)
        )


def fit_without_escaping(design: Design, begin: CountMeans, reach: np.ndarray, dropped: Dropped) -> Design:
    """Do what `maximise_counts` does, without zeros whose means run to zero while no other moves, which are counted.

    Raises
    ------
    CollinearError, ConvergenceError
    """
    while True:
        try:
            return maximise_counts(design, begin, reach)
        except EscapeError as found:
            dropped.add(SeparationWarning, "untreated rows", SEPARATED, found.gone.count, found.gone.first)
            begin = replace(begin, without=found.escape)
            require_independent(design.covariates, independent(replace(design, means=begin)))


def maximise_counts(design: Design, begin: CountMeans, reach: np.ndarray) -> Design:
    """Return the design with its means, by steps from those given.

    Parameters
    ----------
    reach : ndarray, shape (p,)
        Largest deviation of the covariates from means of units.

    Raises
    ------
    EscapeError, ConvergenceError
    """
    plain, periods = replace(design, means=None), design.sample.periods
    offsets = np.cumsum([0, *(design.sample.panel.n_levels(name) for name in design.effects)])

    def at(point: Point) -> CountMeans:
        return replace(begin, gamma=point[0], beta=point[1])

    def look(point: Point, step: Point) -> None:
        escape, gone, before = Escape(at(point), step), Counted(), begin.without
        for rows in _rows(plain, offsets, "counts, zeros"):
            marked, moved = escape.marked(rows)
            if moved >= AT_REST:
                return
            new = marked if before is None else marked & ~before.marked(rows)[0]
            gone.add(rows.block, np.flatnonzero(new), periods)
        if gone.count:
            raise EscapeError(escape, gone)

    found = maximise(
        lambda point: _equations(replace(design, means=at(point))),
        begin.alive,
        reach,
        watcher(begin.smallest, look),
        (begin.gamma, begin.beta),
    )
    return replace(design, means=at(found))


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


def without_zero_groups(design: Design, linear: Eliminated, dropped: Dropped) -> CountMeans:
    """Separate effects whose untreated outcomes are all zero, repeatedly, and count their rows."""
    seen = linear.diagonal > 0
    means = CountMeans(np.zeros(len(seen)), np.zeros(len(design.covariates)), seen, seen)
    while True:
        total = np.zeros(len(seen))
        gone, n, smallest = Counted(), 0, np.inf
        for rows in _rows(design, linear.offsets, "counts, zeros"):
            kept = means.of(rows).clean
            gone.add(rows.block, np.flatnonzero(rows.clean & ~kept), design.sample.periods)
            n += int(rows.clean.sum())
            size = (rows.block.w * rows.outcome)[kept]
            smallest = min(smallest, float(size[size > 0].min(initial=np.inf)))
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
    return replace(means, smallest=smallest)


def check_finite(mass: np.ndarray) -> None:
    """Refuse counterfactuals that overflow.

    Raises
    ------
    EstimationError
    """
    if not np.isfinite(mass).all():
        raise EstimationError("counterfactual means overflow: covariates of treated rows are far outside the untreated")
