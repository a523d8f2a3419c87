"""How the rows behind each effect are spread over clusters, which decides what its error can be trusted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csgraph

FLAGS = ("by_group", "own_left_out", "alone")
ONE = 1.1  # effective clusters; with fewer, one of them holds 95 per cent or more and counts as the only one
FEW_ROWS = 0.1  # of those of another effect in a sample: such an effect is compared there, not treated
SAME = 1 / 3  # of the treated rows of results; results that have less in common are of different samples


@dataclass(frozen=True, eq=False)
class ClusterShares:
    r"""Shares of clusters in the treated and in the comparison rows of effects.

    An effect is a mean over treated rows less what other rows predict for them. Its treated clusters are centred at a
    mean that they make themselves, so a cluster with share :math:`H_c` loses that share of its own deviation, and a few
    treated clusters leave few degrees of freedom, however many comparison clusters there are.

    Attributes
    ----------
    share : ndarray, shape (clusters, m)
        Share of each cluster in a group of treated rows, one column a cohort; columns sum to one.
    of : ndarray, shape (m, k)
        Weight of each group in an effect, not negative: one for what a result estimates, and times what it is taken;
        zero for an effect without treated rows (a covariate). `weights` sum to one.
    labels : ndarray of float, shape (m,)
        Which groups are the same: the cohort, so that those of several results are centred together; inf for rows that
        are exposed rather than treated.
    control : ndarray, shape (clusters,)
        Share of each cluster in the comparison rows; zero for clusters that hold treated rows.
    by_group : ndarray of bool, shape (k,)
        Treated rows are centred within their group rather than at the mean of all.
    own_left_out : ndarray of bool, shape (k,)
        The centre leaves the own cluster out, so that influence functions are jackknife deviations already.
    alone : ndarray of bool, shape (k,)
        A difference to an effect whose treated rows stand in one cluster, and which has no error of its own.
    lost : ndarray, shape (clusters, m), optional
        Share of its own deviation that each cluster loses in a group, where it is centred at a regression that it takes
        part in; columns of nan where that is its share in the rows.
    result : ndarray of int, shape (m,), optional
        Which of several results that stand together each group is of; None for one.
    controls : ndarray, shape (clusters, results), optional
        `control` of each of them.
    size : ndarray, shape (clusters,), optional
        How many clusters, each with the share that stands here, a row stands for; one by default.
    """

    share: np.ndarray
    of: np.ndarray
    labels: np.ndarray
    control: np.ndarray
    by_group: np.ndarray
    own_left_out: np.ndarray
    alone: np.ndarray
    lost: np.ndarray | None = None
    result: np.ndarray | None = None
    controls: np.ndarray | None = None
    size: np.ndarray | None = None

    @classmethod
    def count(
        cls,
        clusters: np.ndarray,
        groups: np.ndarray,
        of: np.ndarray,
        *,
        n_clusters: int,
        labels: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        by_group: bool | np.ndarray = False,
        own_left_out: bool | np.ndarray = False,
    ) -> ClusterShares:
        """Count rows by cluster and group.

        Parameters
        ----------
        clusters : ndarray of int, shape (n,)
        groups : ndarray of int, shape (n,)
            Group of each row; -1 for comparison rows.
        of : ndarray, shape (m, k)
            As the attribute; columns need not sum to one.
        labels : ndarray, shape (m,), optional
            Default: inf, one kind of group.
        """
        m, k = of.shape
        w = np.ones(len(clusters)) if weights is None else weights
        cell = clusters * (m + 1)
        cell += groups
        cell += 1
        size = np.bincount(cell, w, n_clusters * (m + 1)).reshape(n_clusters, m + 1)
        control = np.where(size[:, 1:].any(axis=1), 0.0, size[:, 0])
        return cls(
            _normalised(size[:, 1:]),
            _normalised(of),
            np.full(m, np.inf) if labels is None else np.asarray(labels, dtype=float),
            _normalised(control),
            np.broadcast_to(np.asarray(by_group, dtype=bool), k),
            np.broadcast_to(np.asarray(own_left_out, dtype=bool), k),
            np.zeros(k, dtype=bool),
        )

    @classmethod
    def by_cohort(
        cls,
        clusters: np.ndarray,
        cohort: np.ndarray,
        effects: np.ndarray,
        *,
        n_clusters: int,
        weights: np.ndarray | None = None,
        by_group: bool | np.ndarray = False,
        own_left_out: bool | np.ndarray = False,
        common: tuple[np.ndarray, np.ndarray] | None = None,
        time: np.ndarray | None = None,
    ) -> ClusterShares:
        """Count rows by cluster and cohort, for effects that are each of one cohort.

        Parameters
        ----------
        clusters : ndarray of int, shape (n,)
        cohort : ndarray of float, shape (n,)
            Of the unit of each row, inf for never, as for cohorts after all that have effects; rows of other cohorts
            without an effect are passed over, as are rows left out (nan).
        effects : ndarray, shape (k,)
            Cohort of each effect.
        common : (ndarray of int, ndarray), each of shape (k,), optional
            Labels and masses: effects with the same label of zero or more are one number for all their cohorts, which
            count by their mass; -1 for effects of their own.
        time : ndarray of int, shape (n,), optional
            Code of the period of each row, for effects that are each of one period. Where the rows of a cohort change
            cluster from period to period, all of them together, its effects stand `alone`.
        """
        cohorts = np.unique(effects)
        of = (cohorts[:, None] == effects).astype(float)
        if common is not None:
            number, mass = common
            for label in np.unique(number[number >= 0]):
                same = number == label
                of[:, same] = (of[:, same] @ mass[same])[:, None]
        group = np.searchsorted(cohorts, cohort)
        inside = np.append(cohorts, np.inf)[group] == cohort
        never = (group == len(cohorts)) & ~np.isnan(cohort)  # untreated wherever these have effects
        inside |= never
        group[never] = -1
        if not inside.all():
            clusters, group = clusters[inside], group[inside]
            weights, time = (None if values is None else values[inside] for values in (weights, time))
        found = cls.count(
            clusters,
            group,
            of,
            n_clusters=n_clusters,
            labels=cohorts,
            weights=weights,
            by_group=by_group,
            own_left_out=own_left_out,
        )
        if time is None:
            return found
        treated, n_times = group >= 0, int(time.max()) + 1
        cell = group[treated] * n_times + time[treated]
        low, high = np.repeat([[n_clusters], [-1]], len(cohorts) * n_times, axis=1)
        np.minimum.at(low, cell, clusters[treated])
        np.maximum.at(high, cell, clusters[treated])
        moves = (low >= high).reshape(-1, n_times).all(axis=1) & (np.count_nonzero(found.share, axis=0) > 1)
        return replace(found, alone=moves[np.searchsorted(cohorts, effects)])

    @classmethod
    def weighted(
        cls, weight: np.ndarray, lost: np.ndarray, of: np.ndarray, control: np.ndarray, labels: np.ndarray | None = None
    ) -> ClusterShares:
        """Shares of treated rows that count differently from effect to effect.

        Parameters
        ----------
        weight : ndarray, shape (clusters, m)
            Weight of the treated rows of each cluster, in absolute value; a group is a set of such weights.
        lost : ndarray, shape (clusters, m)
            As the attribute.
        of : ndarray of int, shape (k,)
            Group of each effect.
        control : ndarray, shape (clusters,)
            As the attribute.
        labels : ndarray, shape (m,), optional
            As the attribute; default: inf, rows of several cohorts.
        """
        none = np.zeros(len(of), dtype=bool)
        groups = np.arange(weight.shape[1])
        labels = np.full(len(groups), np.inf) if labels is None else labels
        share = _normalised(weight)
        return cls(share, np.equal.outer(groups, of) * 1.0, labels, control, none, none, none, lost)

    @classmethod
    def unknown(cls, n_clusters: int, k: int) -> ClusterShares:
        """No shares: effects of which it is not known which clusters are treated."""
        none = np.zeros(k, dtype=bool)
        return cls(np.zeros((n_clusters, 0)), np.zeros((0, k)), np.zeros(0), np.zeros(n_clusters), none, none, none)

    def take(self, effects: np.ndarray) -> ClusterShares:
        """Return the shares behind some effects, by position or marked."""
        return replace(
            self,
            of=self.of[:, effects],
            by_group=self.by_group[effects],
            own_left_out=self.own_left_out[effects],
            alone=self.alone[effects],
        )

    def times(self, factor: float) -> ClusterShares:
        """Return the shares behind multiples of the effects."""
        return replace(self, of=self.of * factor)

    def mix(self, weights: np.ndarray) -> ClusterShares:
        """Return the shares behind weighted sums of effects, weights of shape (k, r)."""
        size = np.abs(weights)
        touched = size.T > 0
        return replace(
            self,
            of=self.of @ size,
            by_group=(touched & self.by_group).any(axis=1),
            own_left_out=(touched & self.own_left_out).any(axis=1),
            alone=(touched & self.alone).any(axis=1) | self._compared_with_one(touched),
        )

    def _compared_with_one(self, touched: np.ndarray) -> np.ndarray:
        """Whether sums over several results take an effect whose treated rows stand in one cluster, shape (r,)."""
        if self.result is None:
            return np.zeros(len(touched), dtype=bool)
        behind = np.stack(
            [self.of[self.result == k].any(axis=0) for k in range(self.result.max(initial=-1) + 1)], axis=-1
        )
        several = (touched.astype(int) @ behind > 0).sum(axis=1) > 1
        one = np.zeros(self.of.shape[1], dtype=bool)
        for j in np.flatnonzero(touched[several].any(axis=0)).tolist():
            one[j] = 0 < effective(self.treated(j), self.size) < ONE
        return several & (touched & one).any(axis=1)

    @staticmethod
    def beside(parts: Sequence[ClusterShares], *, apart: bool = False) -> ClusterShares:
        """Return the shares behind stacked effects of the same clusters.

        Parameters
        ----------
        apart : bool
            The parts are results of their own, which may be of different samples; else all are of one.
        """
        first = parts[0]
        result, controls = first.result, first.controls
        if all(part.share is first.share for part in parts):
            share, of, control = first.share, np.hstack([part.of for part in parts]), first.control
            labels, lost = first.labels, first.lost
        else:
            share = np.hstack([part.share for part in parts])
            of = np.zeros((share.shape[1], sum(part.of.shape[1] for part in parts)))
            row = column = 0
            for part in parts:
                m, k = part.of.shape
                of[row : row + m, column : column + k] = part.of
                row, column = row + m, column + k
            control = _normalised(sum((part.control for part in parts[1:]), first.control))
            labels = np.concatenate([part.labels for part in parts])
            own = [np.full_like(part.share, np.nan) if part.lost is None else part.lost for part in parts]
            lost = np.hstack(own) if any(part.lost is not None for part in parts) else None
            result, controls = _results(parts) if apart else (None, None)
        flags = {name: np.concatenate([getattr(part, name) for part in parts]) for name in FLAGS}
        return ClusterShares(share, of, labels, control, **flags, lost=lost, result=result, controls=controls)

    def together(self, effects: Sequence[int]) -> ClusterShares:
        """Return the shares of the results behind some effects, as of one sample."""
        if self.result is None or self.controls is None:
            return self
        results = np.unique(self.result[self.of[:, list(effects)].any(axis=1)])
        share = np.where(np.isin(self.result, results), self.share, 0.0)
        control = _normalised(self.controls[:, results].sum(axis=1)) if results.size else self.control
        return replace(self, share=share, control=control, result=None, controls=None)

    def by_sample(self, effects: Sequence[int]) -> list[tuple[np.ndarray, ClusterShares]]:
        """Mark the clusters of each sample behind some effects, and return the shares there, of these effects alone.

        Effects of one result are of one sample, whatever stands beside them. Treated clusters are dealt to samples by
        `_owners`; comparison clusters go with the only sample that uses them, those of several are one more.
        """
        whole, everywhere = self.together(effects), np.ones(len(self.share), dtype=bool)
        if self.result is None or self.controls is None:
            return [(everywhere, whole)]
        weight = self.weights(effects).sum(axis=1)
        results = np.unique(self.result[weight > 0])
        H = [_normalised((self.share * (self.result == k)) @ weight) for k in results]
        label, owner = _owners(H)
        if label.max(initial=0) == 0:
            return [(everywhere, whole)]
        compared = (self.controls[:, results].T > 0) & (owner < 0)
        n, pool = _components(compared.astype(float) @ compared.T)
        for p in range(n):
            users = set(label[pool == p].tolist())
            owner[compared[pool == p].any(axis=0)] = users.pop() if len(users) == 1 else owner.max() + 1
        owner[owner < 0] = np.bincount(owner[owner >= 0]).argmax()  # neither treated nor compared
        return whole._split([owner == sample for sample in range(owner.max() + 1)])

    def _split(self, samples: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ClusterShares]]:
        """Return the shares in each sample, its clusters marked, and in what it is compared with."""
        pools = [inside for inside in samples if not self.share[inside].any()]
        parts = []
        for inside in samples:
            share = np.where(inside[:, None], self.share, 0.0)
            of = self.weights(range(self.of.shape[1])) * share.sum(axis=0)[:, None]
            rows = of.sum(axis=0)  # of each effect, here
            of = np.where(rows >= FEW_ROWS * rows.max(initial=0.0), of, 0.0) / (rows.max(initial=0.0) or 1.0)
            control = _normalised(np.where(np.any([inside, *pools], axis=0), self.control, 0.0))
            parts.append((inside, replace(self, share=_normalised(share), of=of, control=control)))
        return parts

    def treated(self, effect: int) -> np.ndarray:
        """Share of each cluster in the treated rows of an effect, shape (clusters,)."""
        return self.share @ self.weights([effect])[:, 0]

    def weights(self, effects: Sequence[int]) -> np.ndarray:
        """Share of each group in some effects, shape (m, effects)."""
        return _normalised(self.of[:, list(effects)])


def effective(share: np.ndarray, size: np.ndarray | None = None) -> float:
    r"""Effective number of clusters with these shares.

    The mean of :math:`(\\sum a)^2 / \\sum a^2` for :math:`a` the shares, as where shocks are common to a cluster, and
    for their squares, as where the variance of a sum over the cluster is proportional to its size squared.
    `size` says of how many clusters each is the share.
    """
    inside = share > 0
    if not inside.any():
        return 0.0
    share = share[inside]
    n = 1.0 if size is None else size[inside]
    square = share**2
    second = (n * square).sum()
    return float(((n * share).sum() ** 2 / second + second**2 / (n * square**2).sum()) / 2)


def _results(parts: Sequence[ClusterShares]) -> tuple[np.ndarray, np.ndarray]:
    """Count the results of parts on from one to the next, and put their comparison clusters side by side."""
    labels, controls, n = [], [], 0
    for part in parts:
        labels.append(n + (np.zeros(len(part.labels), dtype=np.intp) if part.result is None else part.result))
        controls.append(part.control[:, None] if part.controls is None else part.controls)
        n += controls[-1].shape[1]
    return np.concatenate(labels), np.hstack(controls)


def _owners(H: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    r"""Sample of each of r results, and of each treated cluster.

    Two results are of one sample where :math:`\sum_c \min(H_c, H'_c)` is `SAME` or more. Where they have less in
    common, as one of all and one of few clusters, a cluster of both is of the sample in which its share is largest:
    clusters of one sample then have much the same weights in a difference, and shocks of another size do not hide
    among those of the other.

    Parameters
    ----------
    H : list of ndarray, each of shape (clusters,)
        Shares in the treated rows of a result.

    Returns
    -------
    label : ndarray of int, shape (r,);  owner : ndarray of int, shape (clusters,), -1 where no row is treated
    """
    if not H:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    n, label = _components([[np.minimum(a, b).sum() >= SAME for b in H] for a in H])
    largest = np.array(
        [np.max([a for a, s in zip(H, label, strict=True) if s == sample], axis=0) for sample in range(n)]
    )
    return label, np.where(largest.any(axis=0), largest.argmax(axis=0), -1)


def _components(joined: ArrayLike) -> tuple[int, np.ndarray]:
    """Count and label connected components of a matrix that says which are joined."""
    return csgraph.connected_components(np.asarray(joined), directed=False)


def _normalised(values: np.ndarray) -> np.ndarray:
    total = values.sum(axis=0)
    return values / np.where(total > 0, total, 1.0)
