"""One warning, whatever the estimator, where treated rows stand in one cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aigreen.effects.cluster_shares import ClusterShares
from aigreen.errors import SmallCellWarning, counted, their, warn


def warn_lone(
    labels: Sequence[object], one: str = "effect has treated rows", several: str = "effects have treated rows"
) -> None:
    """Warn of effects (or whatever has rows) in a single cluster; nothing if there are none."""
    if len(labels):
        text = (
            f"{counted(len(labels), one, several)} in a single cluster: {their(len(labels))} own sampling error "
            "is not in the standard errors"
        )
        warn(SmallCellWarning(text, count=len(labels), first=labels))


def warn_lone_treated(shares: ClusterShares, labels: Sequence[object]) -> None:
    """Warn of the effects, in the order of their labels, whose treated rows stand in one cluster."""
    warn_lone([label for j, label in enumerate(labels) if np.count_nonzero(shares.treated(j)) == 1])


def warn_lone_cohorts(cohorts: np.ndarray, group: np.ndarray, clusters: np.ndarray) -> None:
    """Warn of cohorts whose rows stand in one cluster; `group` holds positions in `cohorts`."""
    n_clusters = int(clusters.max()) + 1
    rows = np.bincount(group * n_clusters + clusters, minlength=len(cohorts) * n_clusters)
    alone = cohorts[(rows.reshape(len(cohorts), n_clusters) > 0).sum(axis=1) < 2]
    warn_lone([f"cohort {g:g}" if np.isfinite(g) else "never treated" for g in alone], "cohort stands", "cohorts stand")
