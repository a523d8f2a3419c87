"""Joint tests of linear restrictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from aigreen.errors import EffectsError, counted

Method = Literal["auto", "chi2", "hotelling", "wild", "randomization", "max_t"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Wald:
    """A joint test.

    Attributes
    ----------
    statistic : float
        Wald statistic; for method max_t the largest t statistic.
    df : int
        Number of restrictions.
    p_value : float
    method : str
        Reference distribution: chi2, hotelling (F), wild, randomization or max_t.
    df_denominator : float, optional
        Degrees of freedom of the covariance; None where it is taken as known (chi2).
    treated_clusters : float, optional
        Effective number of treated clusters behind the effect that has fewest.
    """

    statistic: float
    df: int
    p_value: float
    method: str = "chi2"
    df_denominator: float | None = None
    treated_clusters: float | None = None

    def __repr__(self) -> str:
        facts = [f"{self.statistic:.4g} on {self.df} restrictions, p = {self.p_value:.4f} ({self.method})"]
        if self.df_denominator is not None:
            facts.append(f"{self.df_denominator:.1f} degrees of freedom of the covariance")
        if self.treated_clusters is not None:
            facts.append(f"{self.treated_clusters:.1f} effective treated clusters")
        return "; ".join(facts)


def wald_statistic(gap: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Wald statistics of what restrictions are off, shape (..., r), with covariances of shape (..., r, r)."""
    scale = np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))
    z = gap / scale
    correlation = covariance / (scale[..., :, None] * scale[..., None, :])
    return np.einsum("...i,...i", z, np.linalg.solve(correlation, z[..., None])[..., 0])


def check_rank(covariance: np.ndarray, n_clusters: int) -> None:
    """Refuse restrictions whose covariance, shape (r, r), has not full rank."""
    scale = np.sqrt(np.maximum(np.diag(covariance), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(scale, scale)
    r = len(covariance)
    if not r:
        raise EffectsError("there is nothing to test: no effect with a variance is left")
    if not scale.all() or np.linalg.matrix_rank(correlation, hermitian=True) < r:
        raise EffectsError(f"the covariance of {counted(r, 'restriction')} is not of full rank ({n_clusters} clusters)")


def chi_squared(gap: np.ndarray, covariance: np.ndarray) -> Wald:
    """Test that all restrictions hold with the covariance taken as known: right with many clusters on both sides."""
    statistic = float(wald_statistic(gap, covariance))
    return Wald(statistic=statistic, df=len(gap), p_value=float(special.chdtrc(len(gap), statistic)))
