"""A sample laid out for comparisons of two periods: periods x units for a panel, rows for cross-sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aigreen.errors import CollinearWarning
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel

_COLLINEAR = 1e-10
_CONSTANT = 1e-12


@dataclass(frozen=True)
class Wide:
    """Periods x units arrays; nan where a unit is not seen.

    Attributes
    ----------
    y : ndarray, shape (T, N)
    x : ndarray, shape (T or 1, p, N), or None
        Standardised covariates, the first row being the intercept; one period where none varies over time.
    z : ndarray, shape (T or 1, q, N), or None
        The same of the propensity score; None where it has those of `x`.
    w : ndarray, shape (T or 1, N)
        Weights; one period where they do not vary.
    now : ndarray, shape (T, m, N), or None
        Standardised columns that a comparison takes from its own period rather than from the earlier one.
    seen : ndarray of bool, shape (T, N), or None
        None where every unit is seen in every period with a positive weight.
    clusters : ndarray of int, shape (N,)
    """

    y: np.ndarray
    x: np.ndarray | None
    z: np.ndarray | None
    w: np.ndarray
    seen: np.ndarray | None
    clusters: np.ndarray
    now: np.ndarray | None = None

    @property
    def fixed(self) -> bool:
        """Whether covariates and weights are the same whatever the base period."""
        return len(self.w) == 1 and all(x is None or len(x) == 1 for x in (self.x, self.z))


@dataclass(frozen=True)
class Long:
    """Rows of cross-sections, sorted by period.

    Attributes
    ----------
    y, w : ndarray, shape (n,)
    x : ndarray, shape (p, n), or None
        Standardised covariates, the first row being the intercept.
    z : ndarray, shape (q, n), or None
        The same of the propensity score; None where it has those of `x`.
    units, clusters : ndarray of int, shape (n,)
    starts : ndarray of int, shape (T + 1,)
        Where each period starts.
    """

    y: np.ndarray
    x: np.ndarray | None
    z: np.ndarray | None
    w: np.ndarray
    units: np.ndarray
    clusters: np.ndarray
    starts: np.ndarray


def widen(
    sample: Panel,
    kept: np.ndarray,
    outcome: str,
    covariates: Sequence[str],
    dropped: Dropped,
    propensity: Sequence[str] | None = None,
    current: Sequence[str] = (),
) -> Wide:
    """Lay out the units in the mask `kept`, shape (N,); other units stay in the arrays but are never `seen`.

    `propensity` names the covariates of the propensity score where they are others than `covariates`.
    """
    y = spread(sample, sample.column(outcome))
    x = _design(sample, covariates, dropped, always=propensity is not None)
    z = None if propensity is None else _design(sample, propensity, dropped, always=True)
    weights = np.ones((1, sample.n_units)) if sample.weights is None else _shrink(spread(sample, sample.weights))
    seen = np.isfinite(y)
    if sample.weights is not None:
        seen &= weights > 0
    seen = None if seen[:, kept].all() else seen & kept
    now = [spread(sample, column) for column in regressors(sample, current, dropped)]
    return Wide(y, x, z, weights, seen, sample.unit_cluster, np.stack(now, axis=1) if now else None)


def lengthen(
    sample: Panel,
    outcome: str,
    covariates: Sequence[str],
    dropped: Dropped,
    propensity: Sequence[str] | None = None,
) -> Long:
    """Sort the rows by period."""
    order = np.argsort(sample.time_codes, kind="stable")

    def design(names: Sequence[str]) -> np.ndarray:
        return np.stack([np.ones(len(order)), *(column[order] for column in regressors(sample, names, dropped))])

    x, z = design(covariates), None if propensity is None else design(propensity)
    return Long(
        sample.column(outcome)[order],
        None if len(x) == 1 and z is None else x,
        z,
        np.ones(len(order)) if sample.weights is None else sample.weights[order],
        sample.unit_codes[order],
        sample.cluster_codes[order],
        np.searchsorted(sample.time_codes[order], np.arange(sample.n_periods + 1)),
    )


def _design(sample: Panel, names: Sequence[str], dropped: Dropped, *, always: bool) -> np.ndarray | None:
    """Intercept and covariates, shape (T or 1, p, N); None without covariates unless `always`."""
    columns = [_shrink(spread(sample, column)) for column in regressors(sample, names, dropped)]
    if not columns and not always:
        return None
    x = np.ones((max(map(len, columns), default=1), 1 + len(columns), sample.n_units))
    for j, column in enumerate(columns):
        x[:, j + 1] = column
    return x


def plain(sample: Panel, names: Sequence[str]) -> np.ndarray:
    """Lay out covariates as they stand, shape (T or 1, p, N)."""
    columns = [_shrink(spread(sample, sample.column(name))) for name in names]
    return np.stack(np.broadcast_arrays(*columns), axis=1)


def regressors(sample: Panel, covariates: Sequence[str], dropped: Dropped) -> list[np.ndarray]:
    """Read covariates, standardised, without those that the intercept and earlier ones determine."""
    columns, spreads, largest = [], np.zeros(len(covariates)), np.zeros(len(covariates))
    for j, name in enumerate(covariates):
        column = sample.column(name)
        largest[j] = np.abs(column).max()
        column = column - column.mean()
        spreads[j] = np.sqrt(np.mean(column**2))
        columns.append(column / spreads[j] if spreads[j] else column)
    gram = np.array([[a @ b for b in columns] for a in columns]).reshape(len(columns), len(columns))
    return [columns[j] for j in independent_covariates(covariates, spreads, largest, gram / sample.n_rows, dropped)]


def independent_covariates(
    names: Sequence[str], spread: np.ndarray, largest: np.ndarray, gram: np.ndarray, dropped: Dropped
) -> list[int]:
    """Positions of the covariates that the intercept and earlier ones do not determine; the others are counted.

    Parameters
    ----------
    spread, largest : ndarray, shape (p,)
        Standard deviation, and largest absolute value.
    gram : ndarray, shape (p, p)
        Correlations.
    """
    moving = spread > _CONSTANT * largest
    collinear = [name for name, moves in zip(names, moving, strict=True) if not moves]
    kept: list[int] = []
    for j in np.flatnonzero(moving).tolist():
        left = gram[j, j]
        if kept:
            left -= gram[j, kept] @ np.linalg.solve(gram[np.ix_(kept, kept)], gram[kept, j])
        if left > _COLLINEAR:
            kept.append(j)
        else:
            collinear.append(names[j])
    reason = "determined by the intercept and the others"
    dropped.add(CollinearWarning, "covariates", reason, len(collinear), collinear)
    return kept


def spread(sample: Panel, column: np.ndarray) -> np.ndarray:
    """Lay out a column, shape (n_rows,), as periods x units; nan where a unit is not seen."""
    shape = (sample.n_periods, sample.n_units)
    if sample.balanced:
        return np.ascontiguousarray(column.reshape(shape[::-1]).T)
    out = np.full(shape, np.nan)
    out[sample.time_codes, sample.unit_codes] = column
    return out


def _shrink(wide: np.ndarray) -> np.ndarray:
    """Reduce to one period where no unit changes over the periods in which it is seen."""
    low, high = np.fmin.reduce(wide), np.fmax.reduce(wide)
    return low[None] if np.array_equal(low, high) else wide
