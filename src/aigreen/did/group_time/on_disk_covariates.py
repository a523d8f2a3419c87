"""Outcome regressions of a panel on disk: products of covariates and differences by cohort and cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigreen.did.group_time.comparisons import Computed
from aigreen.did.group_time.layout import independent_covariates
from aigreen.did.group_time.on_disk import centred_outcome, check_sums_fit, groups_compared, pairs_of
from aigreen.did.group_time.plan import Cells
from aigreen.did.group_time.two_periods import NotIdentifiedError, require_rank
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
        """Intercept and standardised covariates of a block, shape (1 + p, periods, units)."""
        columns = [
            block.wide((block.columns[name] - mean) / size, n_periods)
            for name, mean, size in zip(self.names, self.mean, self.spread, strict=True)
        ]
        return np.stack([np.ones((n_periods, block.n_units)), *columns])


@dataclass(eq=False)
class _Products:
    """Sums over the units of each group that are seen in both periods of a pair.

    Attributes
    ----------
    pairs : ndarray of int, shape (P, 2)
    units : ndarray, shape (P, groups)
    gram : ndarray, shape (P, groups, q, q)
        Weighted products of covariates of the earlier period.
    moment : ndarray, shape (P, groups, q)
        Of covariates and differences of the outcome.
    """

    pairs: np.ndarray
    units: np.ndarray
    gram: np.ndarray
    moment: np.ndarray
    largest: float = 0.0

    def add(self, block: Block, outcome: str, standards: Standards, used: np.ndarray, n_periods: int) -> None:
        """Add the units of a block that are marked."""
        if not used.any():
            return
        block = block.take(used[block.unit])
        self.largest = max(self.largest, float(np.abs(block.columns[outcome]).max()))
        y = centred_outcome(block, outcome, n_periods)
        x, w = standards.wide(block, n_periods), block.wide(block.w, n_periods)
        seen = ~np.isnan(y) & (w > 0)
        groups, of = np.unique(block.group, return_inverse=True)
        m, q = len(groups), len(x)
        for pair, (t, base) in enumerate(self.pairs.tolist()):
            earlier = min(t, base)
            both = np.flatnonzero(seen[t] & seen[base])
            at, z = of[both], x[:, earlier, both]
            change = y[t, both] - y[base, both]
            weighted = z * w[earlier, both]
            self.units[pair, groups] += np.bincount(at, minlength=m)
            for i in range(q):
                self.moment[pair, groups, i] += np.bincount(at, weighted[i] * change, m)
                for j in range(i + 1):
                    sums = np.bincount(at, weighted[i] * z[j], m)
                    self.gram[pair, groups, i, j] += sums
                    if i != j:
                        self.gram[pair, groups, j, i] += sums


def regress_blocks(
    cells: Cells, cohort: np.ndarray, sample: ScannedSample, outcome: str, covariates: Sequence[str], dropped: Dropped
) -> tuple[Computed, float]:
    """Compare with differences that a regression on comparison units predicts, as `panel_att` with "reg".

    Parameters
    ----------
    cohort : shape (groups,)
        Of each group of units; inf for never treated, nan for left out.

    Returns
    -------
    Computed
    largest : float
        Of the outcome of the units compared, in absolute value.
    """
    standards = Standards.of(sample, covariates, dropped)
    live, pairs, of_cell = pairs_of(cells)
    m, q, n_clusters = len(cohort), 1 + len(standards.names), len(sample.clusters)
    check_sums_fit(cells, sample, len(pairs) * m * (1 + q + q * q))
    shape = len(pairs), m
    sums = _Products(pairs, np.zeros(shape), np.zeros((*shape, q, q)), np.zeros((*shape, q)))
    for block in sample.blocks("group-time"):
        sums.add(block, outcome, standards, ~np.isnan(cohort)[block.group], sample.n_periods)
    result = Computed.nothing(len(cells), n_clusters)
    for cell, pair in zip(live.tolist(), of_cell.tolist(), strict=True):
        treated, controls, reason = groups_compared(cells, cell, cohort, sums.units[pair], result)
        gram, moment = sums.gram[pair, controls], sums.moment[pair, controls]
        whole = gram.sum(axis=0)
        try:
            if reason:
                raise NotIdentifiedError(reason)
            require_rank(whole)
        except NotIdentifiedError as error:
            result.reasons[cell] = str(error)
            continue
        beta = np.linalg.solve(whole, moment.sum(axis=0))
        x, change = sums.gram[pair, treated, 0], sums.moment[pair, treated, 0]
        left, size = change - x @ beta, x[:, 0].sum()
        mean = left.sum() / size
        slope = np.linalg.solve(whole, x.sum(axis=0) / size)
        result.values[cell] = mean
        cluster = sample.unit_cluster
        result.psi[cell] += np.bincount(cluster[treated], (left - mean * x[:, 0]) / size, n_clusters)
        result.psi[cell] -= np.bincount(cluster[controls], (moment - gram @ beta) @ slope, n_clusters)
    return result, sums.largest
