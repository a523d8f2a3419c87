"""Wald tests of linear restrictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from aigreen.errors import EffectsError


@dataclass(frozen=True)
class Wald:
    """A Wald test: `statistic` is chi-squared with `df` degrees of freedom under the null."""

    statistic: float
    df: int
    p_value: float


def wald_test(gap: np.ndarray, covariance: np.ndarray, n_clusters: int) -> Wald:
    """Test that all restrictions hold, given what they are off, shape (r,), and its covariance, shape (r, r).

    Raises
    ------
    EffectsError
        Where the covariance has not full rank.
    """
    scale = np.sqrt(np.maximum(np.diag(covariance), 0))
    with np.errstate(invalid="ignore"):
        correlation = covariance / np.outer(scale, scale)
    if not len(gap) or not scale.all() or np.linalg.matrix_rank(correlation, hermitian=True) < len(gap):
        raise EffectsError(f"the covariance of the {len(gap)} restrictions has not full rank ({n_clusters} clusters)")
    gap = gap / scale
    statistic = float(gap @ np.linalg.solve(correlation, gap))
    return Wald(statistic, len(gap), float(special.chdtrc(len(gap), statistic)))
