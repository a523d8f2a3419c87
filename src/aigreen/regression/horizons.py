"""Time since treatment, and its dummies in an event study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aigreen.effects.cluster_shares import ClusterShares
from aigreen.errors import NoPrePeriodError
from aigreen.panel.dropped import Dropped
from aigreen.panel.untreated import no_treated
from aigreen.regression.sample import no_reference

Window = bool | tuple[int, int]


def horizon_of(time: np.ndarray, cohort: np.ndarray, window: Window) -> np.ndarray:
    """Time since treatment of each row, nan for never treated; with a window its ends stand for all beyond."""
    horizon = np.where(np.isfinite(cohort), time - cohort, np.nan)
    return horizon if isinstance(window, bool) else np.clip(horizon, *window)


def horizons_found(horizon: np.ndarray, reference: int, names: Mapping[str, str], dropped: Dropped) -> list[int]:
    """Horizons that occur, without the reference; `names` are columns of the panel by role.

    Raises
    ------
    NoTreatedError, NoPrePeriodError
    """
    found = [int(h) for h in np.unique(horizon[~np.isnan(horizon)])]
    if not any(h >= 0 for h in found):
        raise no_treated(names, "no row is at or after a first treated period", dropped)
    if reference not in found:
        raise NoPrePeriodError(no_reference(found, reference) + dropped.cause(), count=0)
    return [h for h in found if h != reference]


def horizon_dummies(horizon: np.ndarray, labels: Sequence[object]) -> np.ndarray:
    """Return a dummy for each of the horizons `labels`, shape (n, len(labels))."""
    return (horizon[:, None] == np.array(labels, dtype=float)).astype(float)


def with_reference(
    values: np.ndarray,
    psi: np.ndarray | None,
    covariance: np.ndarray | None,
    shares: ClusterShares | None,
    horizons: Sequence[object],
    reference: int,
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None, ClusterShares | None, pd.Index]:
    """Keep the horizons, add the reference (zero, without variance; shares of the first) and sort."""
    k = len(horizons)
    order = np.argsort(np.array([*horizons, reference], dtype=int))
    values = np.append(values[:k], 0.0)[order]
    psi = None if psi is None else np.pad(psi[:, :k], ((0, 0), (0, 1)))[:, order]
    covariance = None if covariance is None else np.pad(covariance[:k, :k], (0, 1))[np.ix_(order, order)]
    shares = None if shares is None else shares.take(np.where(order < k, order, 0))
    return values, psi, covariance, shares, pd.Index(np.array([*horizons, reference])[order], name="horizon")
