"""Rows that stand for the influence functions of more clusters than memory holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigreen.effects.cluster_shares import ClusterShares


@dataclass(frozen=True, eq=False)
class Root:
    r"""Rows with the same sums of products, within each group of clusters, as their influence functions.

    Attributes
    ----------
    rows : ndarray, shape (r, k)
        :math:`\sum_{r \in g} x_r x_r' = \sum_{c \in g} \psi_c \psi_c'`.
    group : ndarray of int, shape (r,)
    share : ndarray, shape (r,)
        Share in its group of each of the clusters that a row stands for.
    size : ndarray, shape (r,)
        Number of these clusters.
    weight : ndarray, shape (groups,)
        Of all clusters of each group.
    """

    rows: np.ndarray
    group: np.ndarray
    share: np.ndarray
    size: np.ndarray
    weight: np.ndarray

    def cluster_shares(self, labels: np.ndarray, effects: np.ndarray) -> ClusterShares:
        """Shares behind effects that are each of one cohort.

        Parameters
        ----------
        labels : shape (groups,)
            Cohort of each group, inf for never treated; those after all that have effects are compared with, too.
        effects : shape (k,)
            Cohort of each effect.
        """
        cohorts, of = labels[self.group], np.unique(effects)
        none = np.zeros(len(effects), dtype=bool)
        controls = np.where(labels > of[-1], self.weight, 0.0)
        controls /= controls.sum() or 1.0
        return ClusterShares(
            np.where(cohorts[:, None] == of, self.share[:, None], 0.0),
            np.equal.outer(of, effects).astype(float),
            of,
            self.share * controls[self.group],
            none,
            none,
            none,
            size=self.size,
        )


class RootSums:
    """Sums over clusters that come block by block, each cluster in one block and one group.

    A group of at most k clusters keeps their influence functions, so that what is computed from them is exact for few
    clusters of any weights. Of larger groups products are kept: their clusters count as equal ones, as many as they are
    effectively (see `effective`), which are all of them where weights are equal.

    Parameters
    ----------
    n_clusters : ndarray of int, shape (groups,)
        Number of clusters of each group.
    k : int
        Number of effects.
    """

    def __init__(self, n_clusters: np.ndarray, k: int) -> None:
        self.k, self._few = k, n_clusters <= k
        self._kept: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in n_clusters]
        self._products = [np.zeros((0, 0)) if few else np.zeros((k, k)) for few in self._few]
        self._powers = np.zeros((3, len(n_clusters)))

    @staticmethod
    def entries(n_clusters: np.ndarray, k: int) -> int:
        """Count the numbers that are held at once."""
        return int(k * np.minimum(n_clusters, k).sum())

    def add(self, group: np.ndarray, psi: np.ndarray, weight: np.ndarray) -> None:
        """Add clusters: their groups, shape (n,), influence functions, shape (k, n), and weights, shape (n,)."""
        for g in np.unique(group).tolist():
            at = np.flatnonzero(group == g)
            mine = psi[:, at]
            self._powers[:, g] += [(weight[at] ** power).sum() for power in (1, 2, 4)]
            if self._few[g]:
                self._kept[g].append((mine.T, weight[at]))
                continue
            live = np.flatnonzero(mine.any(axis=1))
            mine = mine[live]
            self._products[g][np.ix_(live, live)] += mine @ mine.T

    def root(self) -> Root:
        """Return the rows, once all clusters are added."""
        parts = []
        for g, few in enumerate(self._few.tolist()):
            if few:
                rows = np.concatenate([np.zeros((0, self.k)), *(rows for rows, _ in self._kept[g])])
                weight = np.concatenate([np.zeros(0), *(weight for _, weight in self._kept[g])])
                share, size = weight / (self._powers[0, g] or 1.0), np.ones(len(rows))
            else:
                rows = _root(self._products[g])
                first, second, fourth = self._powers[:, g]
                number = (first**2 / second + second**2 / fourth) / 2 if first else 0.0
                share, size = (np.full(len(rows), value) for value in (1 / (number or 1.0), number / max(1, len(rows))))
            parts.append((rows, np.full(len(rows), g), share, size))
        rows, group, share, size = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Root(rows, group, share, size, self._powers[0])


def _root(products: np.ndarray) -> np.ndarray:
    """Rows X with X'X the given matrix, as many as its rank."""
    scale = np.sqrt(np.diag(products))
    live = np.flatnonzero(scale > 0)
    scale = scale[live]
    values, vectors = np.linalg.eigh(products[np.ix_(live, live)] / np.outer(scale, scale))
    positive = values > 0
    rows = np.zeros((int(positive.sum()), len(products)))
    rows[:, live] = np.sqrt(values[positive])[:, None] * vectors[:, positive].T * scale
    return rows
