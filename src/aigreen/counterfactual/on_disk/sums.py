"""What is added up by cluster, from blocks of a panel on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aigreen.errors import (
    NoControlsError,
    UnreachedWarning,
)
from aigreen.panel.dropped import Dropped
from aigreen.panel.on_disk.blocks import Counted

_LOST = ("treated", "exposed", "beyond", "zero")  # treated rows beyond exposed ones, and of counterfactual zero


@dataclass(eq=False)
class Support:
    """What target rows are seen to have, before they are summed.

    Attributes
    ----------
    low, high : ndarray, shape (J,)
        Range of positive exposures of exposed rows.
    gram : ndarray, shape (q, q)
        Weighted cross-products of the functions of exposure on exposed rows.
    seen : ndarray of int, shape (q,)
        Exposed rows with such a function different from zero.
    positive : ndarray of int, shape (k,)
        Treated rows of each cell with a positive counterfactual.
    """

    low: np.ndarray
    high: np.ndarray
    gram: np.ndarray
    seen: np.ndarray
    positive: np.ndarray

    @classmethod
    def nothing(cls, J: int, q: int, k: int) -> Support:
        """No rows yet, of J exposures, q functions of them and k cells."""
        low = np.full(J, np.inf)
        seen, positive = (np.zeros(n, dtype=np.int64) for n in (q, k))
        return cls(low, -low, np.zeros((q, q)), seen, positive)


@dataclass(eq=False)
class Sums:
    """Sums by cluster, C of them, over targets: m sums by k cohort-periods, then q functions of exposure.

    Attributes
    ----------
    weight : ndarray, shape (C, k)
        Of treated rows.
    moved : ndarray, shape (V, C, k)
        Weighted deviations of the outcomes of treated rows.
    dose : ndarray, shape (q, C, k)
        Weighted functions of exposure of treated rows.
    turn : ndarray, shape (q, q)
        Makes functions of exposure nearly orthogonal on exposed rows; zero for those without rows.
    grams, crosses : ndarray, shape (C, q, q) and (C, q, V)
        Of exposed rows: cross-products of functions of exposure times `turn`, with each other and with deviations.
    exposed_weight : ndarray, shape (C,)
    error : ndarray, shape (V, C, m k + q)
        Influence of clean rows, at given covariates' slopes, on the sums of counterfactuals of targets.
    through : ndarray, shape (p, m k + q)
        Sums over targets of the covariates' deviations.
    scores : ndarray, shape (V, C, p);  grams_of_slopes : ndarray, shape (C, p, p), or None
        Of the covariates on clean rows; their cross-products times `turn_of_slopes`, if asked for.
    products : ndarray, shape (C, V, V)
        Cross-products of deviations of clean rows.
    leads : ndarray, shape (C, p + z)
        Scores of covariates and dummies of leads.
    squares, square_effects : ndarray, shape (k,)
        Squared weights of treated rows, and times the deviation of the first outcome.
    plain, outcome : ndarray, shape (k,)
        Weights of the panel, and outcomes, of treated rows.
    with_treated : ndarray of bool, shape (C,)
        Clusters with treated rows.
    present : ndarray of bool, shape (C,)
        Clusters with rows that are used.
    mass : ndarray, shape (groups, periods)
        Of counts: weights in the equations of all rows that are reached.
    counts : ndarray of int, shape (k,)
    outside : list of Counted, length V
        Treated rows with a value beyond those of clean rows.
    needed : list of Counted, length q
        Treated rows with such a function of exposure different from zero.
    """

    weight: np.ndarray
    moved: np.ndarray
    dose: np.ndarray
    turn: np.ndarray
    grams: np.ndarray
    crosses: np.ndarray
    exposed_weight: np.ndarray
    error: np.ndarray
    through: np.ndarray
    scores: np.ndarray
    grams_of_slopes: np.ndarray | None
    products: np.ndarray
    leads: np.ndarray
    squares: np.ndarray
    square_effects: np.ndarray
    plain: np.ndarray
    outcome: np.ndarray
    with_treated: np.ndarray
    present: np.ndarray
    mass: np.ndarray
    counts: np.ndarray
    outside: list[Counted]
    needed: list[Counted]
    n_clean: int = 0
    n_exposed: int = 0
    n_units: int = 0
    largest: float = 0.0
    level: float = 0.0
    n_zero: int = 0
    lost: dict[str, Counted] = field(default_factory=lambda: {what: Counted() for what in _LOST})

    @property
    def sizes(self) -> dict[str, Any]:
        """Rows, units and clusters used, and the largest outcome."""
        n_rows = self.n_clean + self.n_exposed + int(self.counts.sum())
        return {
            "n_rows": n_rows, "n_units": self.n_units, "n_clusters": int(self.present.sum()), "largest": self.largest
        }  # fmt: skip


def lost_rows(sums: Sums, dropped: Dropped, *, others: int = 0) -> None:
    """Count the treated rows that are not reached; `others` are reached and not summed.

    Raises
    ------
    NoControlsError
        None is.
    """
    lost = sums.lost["treated"]
    if not (sums.counts.any() or others):
        message = "no treated row can be imputed: untreated rows do not reach its fixed effects"
        raise NoControlsError(message, count=lost.count, first=lost.first)
    reason = "treated rows whose fixed effects no untreated row reaches"
    dropped.add(UnreachedWarning, "rows", reason, lost.count, lost.first)
