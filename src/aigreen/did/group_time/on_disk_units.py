"""Comparisons of a panel on disk, unit by unit: regressions and propensity scores, influence functions at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from aigreen.did.group_time.comparisons import Computed
from aigreen.did.group_time.layout import independent_covariates
from aigreen.did.group_time.on_disk import centred_outcome, groups_compared, pairs_of
from aigreen.did.group_time.plan import Cells
from aigreen.did.group_time.sample import CohortWeights
from aigreen.did.group_time.two_periods import (
    MAX_STEPS,
    NEAR_ONE,
    NO_OVERLAP,
    Method,
    NotIdentifiedError,
    logistic,
    newton_step,
    require_rank,
)
from aigreen.effects.root import RootSums
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Block
from aigreen.panel.on_disk.sample import ScannedSample


@dataclass(frozen=True)
class Standards:
    """Covariates that stay, with their means and standard deviations over all rows."""

    names: list[str]
    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, sample: ScannedSample, names: Sequence[str], dropped: Dropped) -> Standards:
        """Go through the rows once; covariates that the others determine are left out and counted."""
        p, n = len(names), 0
        start: np.ndarray | None = None
        total, products, largest = np.zeros(p), np.zeros((p, p)), np.zeros(p)
        for block in sample.blocks("covariates"):
            x = np.stack([block.columns[name] for name in names])
            start = x[:, :1] if start is None else start
            largest = np.maximum(largest, np.abs(x).max(axis=1))
            x = x - start
            n += x.shape[1]
            total += x.sum(axis=1)
            products += x @ x.T
        assert start is not None
        about = total / n
        products = products / n - np.outer(about, about)
        spread = np.sqrt(np.maximum(np.diag(products), 0.0))
        size = np.where(spread > 0, spread, 1.0)
        kept = independent_covariates(names, spread, largest, products / np.outer(size, size), dropped)
        return cls([names[j] for j in kept], (about + start[:, 0])[kept], size[kept])

    def wide(self, block: Block, n_periods: int) -> np.ndarray:
        """Intercept and standardised covariates of a block, shape (periods, 1 + p, units)."""
        columns = [
            block.wide((block.columns[name] - mean) / size, n_periods)
            for name, mean, size in zip(self.names, self.mean, self.spread, strict=True)
        ]
        return np.stack([np.ones((n_periods, block.n_units)), *columns], axis=1)


class _Pair(NamedTuple):
    """Units seen in both periods of a comparison.

    Attributes
    ----------
    at : ndarray of int, shape (n,)
        Positions in the block.
    code : ndarray of int, shape (n,)
        Of their cohorts.
    x : ndarray, shape (q, n)
        Intercept and covariates of the earlier period.
    w, change : ndarray, shape (n,)
        Weights of the earlier period, and differences of the outcome.
    """

    at: np.ndarray
    code: np.ndarray
    x: np.ndarray
    w: np.ndarray
    change: np.ndarray

    def of(self, cell: _Cell) -> tuple[_Pair, np.ndarray]:
        """Units that a cell compares, and which of them are treated."""
        inside = np.flatnonzero(cell.compared[self.code])
        units = self if len(inside) == len(self.at) else _Pair(*(part.take(inside, axis=-1) for part in self))
        return units, units.code == cell.treated


class _Wide(NamedTuple):
    """A block laid out as periods x units; `code` is the cohort of each unit."""

    block: Block
    code: np.ndarray
    y: np.ndarray
    x: np.ndarray
    w: np.ndarray
    seen: np.ndarray

    def pair(self, t: int, base: int) -> _Pair:
        """Units seen in both periods."""
        at, earlier = np.flatnonzero(self.seen[t] & self.seen[base]), min(t, base)
        change = self.y[t].take(at) - self.y[base].take(at)
        return _Pair(at, self.code.take(at), self.x[earlier].take(at, axis=1), self.w[earlier].take(at), change)


@dataclass(eq=False)
class _Cell:
    """One comparison: what its fits are and what they are made of.

    Attributes
    ----------
    pair : int
        Of periods.
    treated : int
        Code of the cohort.
    compared : ndarray of bool, shape (codes,)
        Cohorts on either side.
    weight : float
        Of treated units; `total` of all.
    shift, beta : ndarray, shape (q,)
        Mean covariates of treated units, and coefficients of the outcome regression.
    mean : float
        Of the differences of treated units, less what the regression predicts.
    gamma : ndarray, shape (q,)
        Coefficients of the propensity score.
    gram, information : ndarray, shape (q, q)
        Of the regression on comparison units, and of the logit at `gamma`.
    score, odds, moment : ndarray, shape (q,)
        Of the logit; sums of covariates, and of covariates times residuals, weighted by the odds of comparison units.
    """

    pair: int
    treated: int
    compared: np.ndarray
    weight: float
    total: float
    shift: np.ndarray
    beta: np.ndarray
    mean: float
    gram: np.ndarray
    gamma: np.ndarray
    last: bool = False
    largest: float = 0.0
    information: np.ndarray = field(init=False)
    score: np.ndarray = field(init=False)
    odds: np.ndarray = field(init=False)
    moment: np.ndarray = field(init=False)

    def start(self) -> None:
        """Set the sums of a pass to zero."""
        self.information = np.zeros_like(self.gram)
        self.score, self.odds, self.moment = np.zeros((3, len(self.beta)))
        self.largest = 0.0

    def add(self, units: _Pair, d: np.ndarray) -> None:
        """Add the units of a block to the logit at `gamma`."""
        p = logistic(self.gamma @ units.x)
        xw = units.x * units.w
        self.information += (xw * (p * (1 - p))) @ units.x.T
        self.score += xw @ (d - p)
        self.largest = max(self.largest, float(p.max(initial=0.0)))
        weighted = xw * np.where(d, 0.0, p / (1 - p))
        self.odds += weighted.sum(axis=1)
        self.moment += weighted @ (units.change - self.beta @ units.x)

    def influence(self, method: Method, units: _Pair, d: np.ndarray) -> np.ndarray:
        """Influence functions of the units that are compared, shape (n,); see `panel_att`."""
        residual = units.change - self.beta @ units.x
        psi = np.where(d, (residual - self.mean) / self.weight, 0.0)
        if method == "reg":
            slope = np.linalg.solve(self.gram, self.shift)
            return units.w * (psi - np.where(d, 0.0, residual * (slope @ units.x)))
        mean, share = self.moment[0] / self.odds[0], self.odds / self.odds[0]
        through_logit = np.linalg.solve(self.information, self.moment / self.odds[0] - mean * share)
        p = logistic(self.gamma @ units.x)
        through = p / (1 - p) / self.odds[0] * (mean - residual)
        if method == "dr":
            through -= residual * (np.linalg.solve(self.gram, self.shift - share) @ units.x)
        return units.w * (psi + np.where(d, 0.0, through) + (p - d) * (through_logit @ units.x))


@dataclass(frozen=True, eq=False)
class _Design:
    """How blocks are laid out for the comparisons.

    Attributes
    ----------
    known : ndarray of float, shape (codes,)
        Cohorts; `code` is that of each group of units, -1 for those left out.
    """

    sample: ScannedSample
    outcome: str
    standards: Standards
    known: np.ndarray
    code: np.ndarray
    pairs: np.ndarray

    def blocks(self, what: str) -> Iterator[_Wide]:
        """Pass through the units that are not left out."""
        n_periods = self.sample.n_periods
        for block in self.sample.blocks(what):
            used = self.code[block.group] >= 0
            if not used.any():
                continue
            kept = block.take(used[block.unit])
            y, w = centred_outcome(kept, self.outcome, n_periods), kept.wide(kept.w, n_periods)
            x = self.standards.wide(kept, n_periods)
            yield _Wide(kept, self.code[kept.group], y, x, w, ~np.isnan(y) & (w > 0))

    def visit(
        self, what: str, fitted: dict[int, _Cell]
    ) -> Iterator[tuple[_Wide, Iterator[tuple[int, _Pair, np.ndarray]]]]:
        """Pass through the units of some cells: in each block cell, units and which of these are treated."""
        for wide in self.blocks(what):
            yield wide, self._units(wide, fitted)

    def _units(self, wide: _Wide, fitted: dict[int, _Cell]) -> Iterator[tuple[int, _Pair, np.ndarray]]:
        for number in sorted({cell.pair for cell in fitted.values()}):
            pair = wide.pair(*self.pairs[number].tolist())
            for label, cell in fitted.items():
                if cell.pair == number:
                    yield label, *pair.of(cell)

    def products(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """Sum up by pair and cohort: units, products of covariates, of covariates and differences; largest outcome."""
        q, m, largest = 1 + len(self.standards.names), len(self.known), 0.0
        shape = len(self.pairs), m
        units, gram, moment = np.zeros(shape), np.zeros((*shape, q, q)), np.zeros((*shape, q))
        for wide in self.blocks("products"):
            largest = max(largest, float(np.abs(wide.block.columns[self.outcome]).max()))
            for number, (t, base) in enumerate(self.pairs.tolist()):
                pair = wide.pair(t, base)
                xw = pair.x * pair.w
                units[number] += np.bincount(pair.code, minlength=m)
                for i in range(q):
                    moment[number, :, i] += np.bincount(pair.code, xw[i] * pair.change, m)
                    for j in range(q):
                        gram[number, :, i, j] += np.bincount(pair.code, xw[i] * pair.x[j], m)
        return units, gram, moment, largest


def compare_by_unit(
    method: Method,
    cells: Cells,
    cohort: np.ndarray,
    sample: ScannedSample,
    outcome: str,
    covariates: Sequence[str],
    dropped: Dropped,
    which: CohortWeights,
) -> tuple[Computed, float]:
    """Compare as `panel_att` does, in one pass for products, one a Newton step and one for influence functions.

    Parameters
    ----------
    cohort : shape (groups,)
        Of each group of units; inf for never treated, nan for left out.
    which : {"mean", "first"}
        Weights of the cohort shares.

    Returns
    -------
    Computed
        With a root in place of influence functions where groups are cohorts.
    largest : float
        Of the outcome of the units compared, in absolute value.
    """
    standards = Standards.of(sample, covariates, dropped) if covariates else Standards([], np.zeros(0), np.zeros(0))
    method = method if standards.names else "reg"
    live, pairs, of_cell = pairs_of(cells)
    known = np.unique(cohort[~np.isnan(cohort)])
    code = np.where(np.isnan(cohort), -1, np.searchsorted(known, cohort))
    design = _Design(sample, outcome, standards, known, code, pairs)
    n_units = np.bincount(code[code >= 0], sample.units[code >= 0], len(known)).astype(int)
    by_cohort = sample.panel.by_cohort
    k = len(cells) + int(np.isfinite(known).sum())
    q, n_clusters = 1 + len(standards.names), len(sample.clusters)
    sample.panel.check_room(
        f"covariances of {k:,} effects and cohort shares by cohort"
        if by_cohort
        else f"influence functions of {len(cells):,} effects by {n_clusters:,} clusters",
        "take fewer periods" if by_cohort else "name cluster= with fewer clusters",
        RootSums.entries(n_units, k) if by_cohort else len(cells) * n_clusters,
        len(pairs) * len(known) * (1 + q + q * q),
    )
    units, gram, moment, largest = design.products()
    result = Computed.nothing(len(cells), n_clusters)
    fitted: dict[int, _Cell] = {}
    for label, pair in zip(live.tolist(), of_cell.tolist(), strict=True):
        treated, controls, reason = groups_compared(cells, label, known, units[pair], result)
        try:
            if reason:
                raise NotIdentifiedError(reason)
            fitted[label] = _regressed(method, pair, treated, controls, gram[pair], moment[pair])
        except NotIdentifiedError as error:
            result.reasons[label] = str(error)
    if method != "reg":
        _fit_propensities(design, fitted, result)
    for label, cell in fitted.items():
        result.values[label] = cell.mean - (0.0 if method == "reg" else cell.moment[0] / cell.odds[0])
    sums = RootSums(n_units, k) if by_cohort else None
    weights = np.bincount(code[code >= 0], sample.unit_weights(which)[code >= 0], len(known))
    shares = weights[: k - len(cells)] / weights.sum()
    for wide, compared in design.visit("influence functions", fitted):
        psi = np.zeros((k if by_cohort else len(cells), wide.block.n_units))
        for label, side, d in compared:
            psi[label, side.at] = fitted[label].influence(method, side, d)
        if sums is None:
            clusters, of = np.unique(sample.unit_cluster[wide.block.group], return_inverse=True)
            order = np.argsort(of, kind="stable")
            starts = np.searchsorted(of[order], np.arange(len(clusters)))
            result.psi[:, clusters] += np.add.reduceat(psi[:, order], starts, axis=1)
            continue
        share = wide.block.unit_weights(which) / weights.sum()
        psi[len(cells) :] = share * (wide.code == np.arange(k - len(cells))[:, None]) - np.outer(shares, share)
        sums.add(wide.code, psi, wide.block.unit_weights("mean"))
    if sums is not None:
        result.root = sums.root()
    return result, largest


def _regressed(
    method: Method, pair: int, treated: np.ndarray, controls: np.ndarray, gram: np.ndarray, moment: np.ndarray
) -> _Cell:
    """Fit the outcome regression of a comparison, from products by cohort; without one for "ipw".

    Raises
    ------
    NotIdentifiedError
    """
    whole, own = gram[controls].sum(axis=0), gram[treated].sum(axis=0)
    require_rank(whole + own if method == "ipw" else whole)
    beta = np.zeros(len(own)) if method == "ipw" else np.linalg.solve(whole, moment[controls].sum(axis=0))
    x, change, weight = own[0], moment[treated, 0].sum(), float(own[0, 0])
    compared = np.zeros(len(gram), dtype=bool)
    compared[treated] = compared[controls] = True
    gamma = np.zeros(len(own))
    gamma[0] = np.log(weight / whole[0, 0])
    return _Cell(
        pair,
        int(treated[0]),
        compared,
        weight,
        weight + float(whole[0, 0]),
        x / weight,
        beta,
        float((change - x @ beta) / weight),
        whole,
        gamma,
    )


def _fit_propensities(design: _Design, fitted: dict[int, _Cell], result: Computed) -> None:
    """Fit all logits at once, each pass through the rows one Newton step of those that are not done; see `logit`."""
    active = dict(fitted)
    for step in range(MAX_STEPS):
        if not active:
            return
        for cell in active.values():
            cell.start()
        for _, compared in design.visit(f"propensity scores, step {step + 1}", active):
            for label, units, d in compared:
                active[label].add(units, d)
        for label, cell in list(active.items()):
            try:
                if not cell.last:
                    change, cell.last = newton_step(cell.information, cell.score, cell.total)
                    cell.gamma = cell.gamma + change
                    continue
                del active[label]
                if not cell.largest < NEAR_ONE:
                    raise NotIdentifiedError(NO_OVERLAP)
            except NotIdentifiedError as error:
                result.reasons[label] = str(error)
                active.pop(label, None)
                del fitted[label]
    for label in active:
        result.reasons[label] = NO_OVERLAP
        del fitted[label]
