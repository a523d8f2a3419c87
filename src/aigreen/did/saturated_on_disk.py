"""Unit effects and a free time profile for each group of a panel on disk, in two passes through blocks of units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from aigreen.did.saturated import Contrast, GroupProfiles, SaturatedFit, contrasts_of, products_of_units
from aigreen.linalg.arrays import centre_by, sum_by, sum_by_two
from aigreen.linalg.collinearity import independent_columns, symmetric_inverse
from aigreen.linalg.eliminated import Moments


@dataclass(frozen=True, eq=False)
class GroupRows:
    """Rows of whole units, which stand in one group and one cluster each.

    Attributes
    ----------
    unit, group, time, cluster : ndarray of int, shape (n,)
        Units of the block are numbered without gaps.
    w : ndarray, shape (n,)
    values : ndarray, shape (n, 1 + p)
        Outcome and covariates.
    """

    unit: np.ndarray
    group: np.ndarray
    time: np.ndarray
    cluster: np.ndarray
    w: np.ndarray
    values: np.ndarray

    def centred(self, values: np.ndarray) -> np.ndarray:
        """Values less their weighted means by unit."""
        return centre_by(self.unit, values, self.w, int(self.unit.max()) + 1)


class ScannedProfiles(GroupProfiles):
    """Profiles from blocks, which `blocks` yields in the first pass, and `again`, or it itself, in the second.

    Attributes
    ----------
    moments : Moments
        Of outcome and covariates.
    """

    def __init__(
        self,
        blocks: Callable[[], Iterator[GroupRows]],
        n_groups: int,
        n_times: int,
        n_columns: int,
        again: Callable[[], Iterator[GroupRows]] | None = None,
    ) -> None:
        self._blocks = again or blocks
        size, right = np.zeros((n_groups, n_times)), np.zeros((n_groups, n_times, n_columns))
        through, self.moments = np.zeros((n_groups, n_times, n_times)), Moments(n_columns)
        for rows in blocks():
            n_units = int(rows.unit.max()) + 1
            group = np.zeros(n_units, dtype=np.intp)
            group[rows.unit] = rows.group
            through += products_of_units(sum_by_two(rows.unit, rows.time, rows.w, n_units, n_times), group, n_groups)
            size += sum_by_two(rows.group, rows.time, rows.w, n_groups, n_times)
            weighted = rows.centred(rows.values) * rows.w[:, None]
            right += sum_by(rows.group * n_times + rows.time, weighted, size.size).reshape(right.shape)
            self.moments.add(rows.values, rows.w)
        seen = int(np.flatnonzero(size.any(axis=0)).max(initial=-1)) + 1
        super().__init__(size[:, :seen], through[:, :seen, :seen])
        self._profile = self.inverse @ right[:, :seen]

    def fit(self, contrasts: Sequence[Contrast], n_clusters: int) -> SaturatedFit:
        """Estimate contrasts, as `saturated_fit` does."""
        p, k = self._profile.shape[2] - 1, len(contrasts)
        slopes, profile = self.slopes(contrasts).reshape(-1, k), self._profile.reshape(-1, 1 + p)
        psi, products = np.zeros((1 + p, n_clusters, k)), np.zeros((n_clusters, p, 1 + p))
        for rows in self._blocks():
            cell = rows.group * self.n_times + rows.time
            left = rows.centred(rows.values - profile[cell])
            clusters, of = np.unique(rows.cluster, return_inverse=True)
            weighted = left * rows.w[:, None]
            for j in range(1 + p):
                psi[j, clusters] += sum_by_two(of, cell, weighted[:, j], len(clusters), len(slopes)) @ slopes
            for j in range(p):
                products[clusters, j] += sum_by(of, left * weighted[:, [1 + j]], len(clusters))
        kept = independent_columns(products[:, :, 1:].sum(axis=0), self.moments.size[1:])
        x = np.flatnonzero(kept)
        own, right = products[:, x[:, None], 1 + x], products[:, x, 0]
        gamma = contrasts_of(self._profile, contrasts)
        values = gamma[:, 0]
        if x.size:
            bread = symmetric_inverse(own.sum(axis=0))
            beta = bread @ right.sum(axis=0)
            psi[0] -= np.tensordot(beta, psi[1 + x], 1) + (right - own @ beta) @ bread @ gamma[:, 1 + x].T
            values = values - gamma[:, 1 + x] @ beta
        return SaturatedFit(values, psi[0], kept)
