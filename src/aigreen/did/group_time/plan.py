"""Which periods and which units a group-time effect compares: pure functions on arrays of periods and cohorts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

ControlGroup = Literal["not_yet_treated", "never_treated"]
BasePeriod = Literal["varying", "universal", "varying_window"]


@dataclass(frozen=True)
class Cells:
    """Group-time cells, in the order cohort, time.

    Attributes
    ----------
    cohort : ndarray of float, shape (k,)
    time, base : ndarray of int, shape (k,)
        Positions of the period and of the one it is compared with.
    latest : ndarray of float, shape (k,)
        Comparison units are those first treated after it; inf where only never treated ones are.
    """

    cohort: np.ndarray
    time: np.ndarray
    base: np.ndarray
    latest: np.ndarray

    def __len__(self) -> int:
        return len(self.time)

    @property
    def reference(self) -> np.ndarray:
        """Cells that are zero by construction, shape (k,)."""
        return self.time == self.base

    @property
    def earlier(self) -> np.ndarray:
        """Position of the earlier period of each cell, from which its covariates and weights are taken, shape (k,)."""
        return np.minimum(self.time, self.base)

    def labels(self, times: np.ndarray) -> list[str]:
        """Name the cells, as ``(cohort, period)``; `times` are the periods."""
        return [f"({g:.0f}, {t})" for g, t in zip(self.cohort, times[self.time], strict=True)]

    def take(self, rows: np.ndarray) -> Cells:
        """Return the cells at these positions."""
        return Cells(self.cohort[rows], self.time[rows], self.base[rows], self.latest[rows])

    def controls(self, cell: int, cohort: np.ndarray) -> np.ndarray:
        """Mask of the units (or rows) of these cohorts that a cell compares with; nan is in none."""
        if np.isinf(self.latest[cell]):
            return np.isinf(cohort)
        return (cohort > self.latest[cell]) & (cohort != self.cohort[cell])

    def batches(self, keys: np.ndarray) -> Iterator[np.ndarray]:
        """Yield positions of the cells with the same row of `keys`; reference cells are in none."""
        rows = np.flatnonzero(~self.reference)
        _, group = np.unique(keys[rows], axis=0, return_inverse=True)
        order = np.argsort(group, kind="stable")
        yield from np.split(rows[order], np.flatnonzero(np.diff(group[order])) + 1)


def plan(
    times: np.ndarray, cohorts: np.ndarray, anticipation: int, base_period: BasePeriod, control_group: ControlGroup
) -> Cells:
    r"""Lay out the cells of these cohorts.

    From :math:`g - \delta` on (:math:`\delta` periods of anticipation), and always for a universal base, the base is
    the last period before :math:`g - \delta`; earlier, a varying base is the period before. "varying_window" takes the
    period before up to :math:`g - 1`, inside the window of anticipation too.
    Not yet treated in a cell are units whose cohort is later than :math:`\max(t, base) + \delta`.

    Parameters
    ----------
    times : shape (T,), ascending;  cohorts : each with a period before treatment
    """
    last_before = np.searchsorted(times, cohorts - anticipation) - 1
    cohort, time, base = [], [], []
    for g, before in zip(cohorts, last_before, strict=True):
        t = np.arange(0 if base_period == "universal" else 1, len(times))
        cohort.append(np.full(len(t), g))
        time.append(t)
        first = g if base_period == "varying_window" else g - anticipation
        base.append(np.where((times[t] >= first) | (base_period == "universal"), before, t - 1))
    t, b = np.concatenate(time), np.concatenate(base)
    latest = times[np.maximum(t, b)] + float(anticipation)
    if control_group == "never_treated":
        latest[:] = np.inf
    return Cells(np.concatenate(cohort), t, b, latest)
