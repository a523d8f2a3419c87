"""How a channel's effect changes when its error is correlated with that of the outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from aigreen.arguments import typed
from aigreen.errors import CollinearError, EffectsError
from aigreen.inference.sensitivity import robustness
from aigreen.options import check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
RHO = tuple(float(r) for r in np.round(np.linspace(-0.9, 0.9, 19), 10))

_GRID = np.round(np.linspace(-0.9, 0.9, 19), 10)


@dataclass(frozen=True, eq=False)
class RhoSensitivity:
    """Result of `channel_sensitivity` and `rho_sensitivity`.

    Attributes
    ----------
    frame : DataFrame
        By rho: mediated (effect through the channel), std_error, low, high.
    rho_at_zero : float
        Correlation of the errors at which nothing goes through the channel: the partial correlation of channel and
        outcome. Its square is the share of residual variance of both that a confounder must explain.
    rho_at_zero_std_error : float
    level : float
    """

    frame: pd.DataFrame = field(repr=False)
    rho_at_zero: float
    rho_at_zero_std_error: float
    level: float

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the effect through the channel against the correlation of the errors, with its interval."""
        from aigreen.effects.fonts import lettered
        from aigreen.effects.plot import INK, PALE, axes

        ax = axes(ax)
        ax.fill_between(self.frame.index, self.frame["low"], self.frame["high"], color=PALE, linewidth=0, zorder=1)
        ax.axhline(0, color="black", linewidth=0.6, zorder=2)
        ax.axvline(self.rho_at_zero, color="black", linewidth=0.6, linestyle=":", zorder=2)
        ax.plot(self.frame["mediated"], color=INK, linewidth=1.4, zorder=3)
        ax.set_xlabel(r"Correlation $\rho$ of the errors of channel and outcome")
        ax.set_ylabel(f"Effect through the channel, {self.level:.0%} interval")
        return lettered(ax)


@typed
def channel_sensitivity(
    effect_on_channel: float,
    coefficient: float,
    influence: np.ndarray,
    channel_residuals: np.ndarray,
    outcome_residuals: np.ndarray,
    *,
    clusters: np.ndarray | None = None,
    rho: Sequence[float] | np.ndarray = _GRID,
    level: float = 0.95,
) -> RhoSensitivity:
    r"""Effect through a channel if the errors of channel and outcome had correlation rho.

    The estimate a b, a the effect on the channel and b the coefficient of the channel in the regression of the outcome,
    needs uncorrelated errors. If they have correlation rho,

    .. math:: b(\rho) = b - \frac{\rho}{\sqrt{1 - \rho^2}} \frac{s_e}{s_u}, \qquad
              a\, b(\rho) = 0 \;\text{ at }\; \rho_0 = \frac{b s_u}{\sqrt{b^2 s_u^2 + s_e^2}},

    with u the residuals of the channel (off treatment, fixed effects, covariates and other channels) and e those of the
    outcome (off the channel too). Standard errors are by the delta method on the joint influence functions of a, b and
    the two variances, so they are robust to whatever the clusters allow.

    Parameters
    ----------
    effect_on_channel, coefficient : float
        a and b.
    influence : ndarray, shape (clusters, 2)
        Of a and b; the sum over clusters of their products is the covariance.
    channel_residuals, outcome_residuals : ndarray, shape (n,)
        u and e, on the rows that b was estimated on.
    clusters : int ndarray, shape (n,), optional
        Row of `influence` of each residual; by default row i.
    rho : array of float
        Inside (-1, 1).
    level : float
        Coverage of the normal intervals.

    Notes
    -----
    For a linear model this is the curve of Imai, Keele and Yamamoto (2010, theorem 4), here on within-residuals.

    Raises
    ------
    CollinearError
        Where the channel or the outcome has no residual variance.
    """
    grid = np.asarray(rho, dtype=float)
    if grid.ndim != 1 or not (np.abs(grid) < 1).all():
        raise EffectsError("rho must lie between -1 and 1")
    check_level(level)
    u, e = np.asarray(channel_residuals, dtype=float), np.asarray(outcome_residuals, dtype=float)
    n = len(u)
    codes = np.arange(n) if clusters is None else np.asarray(clusters)
    if influence.ndim != 2 or influence.shape[1] != 2 or not len(e) == len(codes) == n or codes.max() >= len(influence):
        raise EffectsError("residuals, clusters and influence functions do not have the same rows")
    variances = np.array([u @ u, e @ e]) / n
    if not (variances > 0).all():
        raise CollinearError("the channel or the outcome has no variation left within fixed effects and covariates")
    squares = (np.stack([u, e]) ** 2 - variances[:, None]) / (n * variances[:, None])
    psi_u, psi_e = (np.bincount(codes, square, minlength=len(influence)) for square in squares)
    ratio = np.sqrt(variances[1] / variances[0])
    psi_ratio = ratio * (psi_e - psi_u) / 2
    psi_a, psi_b = influence.T
    odds = grid / np.sqrt(1 - grid**2)
    moved = coefficient - odds * ratio
    psi = moved[:, None] * psi_a + effect_on_channel * (psi_b - odds[:, None] * psi_ratio)
    mediated, errors = effect_on_channel * moved, np.sqrt((psi**2).sum(axis=1))
    reach = special.ndtri((1 + level) / 2) * errors
    k = coefficient / ratio
    psi_k = (psi_b - k * psi_ratio) / ratio
    columns = {"mediated": mediated, "std_error": errors, "low": mediated - reach, "high": mediated + reach}
    return RhoSensitivity(
        frame=pd.DataFrame(columns, index=pd.Index(grid, name="rho")),
        rho_at_zero=float(k / np.sqrt(1 + k**2)),
        rho_at_zero_std_error=float(np.sqrt((psi_k**2).sum()) / (1 + k**2) ** 1.5),
        level=level,
    )


@typed
def rho_sensitivity(
    treatment: np.ndarray,
    channel: np.ndarray,
    outcome: np.ndarray,
    *,
    clusters: np.ndarray | None = None,
    rho: Sequence[float] | np.ndarray = _GRID,
    level: float = 0.95,
) -> RhoSensitivity:
    """Sensitivity of the product of coefficients in two regressions, from residuals.

    Parameters
    ----------
    treatment, channel, outcome : ndarray, shape (n,)
        Residuals off fixed effects and covariates (or other channels), so that the coefficients are those of the full
        regressions.
    clusters : ndarray, shape (n,), optional
        Labels; by default each row is one. No small-sample factor.
    rho, level
        As in `channel_sensitivity`.
    """
    d, m, y = (np.asarray(v, dtype=float) for v in (treatment, channel, outcome))
    if not d.shape == m.shape == y.shape or d.ndim != 1:
        raise EffectsError("treatment, channel and outcome need the same number of rows")
    codes = np.arange(len(d)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    within = d @ d
    if not within > 0:
        raise CollinearError("the treatment has no variation left within fixed effects and covariates")
    a = d @ m / within
    u = m - a * d
    spread = u @ u
    if not spread > 0:
        raise CollinearError("the channel has no variation left within treatment, fixed effects and covariates")
    b = u @ y / spread
    e = y - (d @ y / within) * d - b * u
    rows = np.stack([d * u / within, u * e / spread], axis=1)
    influence = np.stack([np.bincount(codes, column) for column in rows.T], axis=1)
    return channel_sensitivity(a, b, influence, u, e, clusters=codes, rho=rho, level=level)


@dataclass(frozen=True, eq=False)
class ChannelFit:
    """Factors of each channel's part and the residuals that the slopes were estimated from.

    Attributes
    ----------
    names : list of str, length K
    moved, slopes : ndarray, shape (K,)
        Effect on each channel, and the channel's coefficient.
    psi : ndarray, shape (clusters, K, 2)
        Influence functions of the two.
    channels : ndarray, shape (n, K)
        Residuals of the channels off all but each other.
    outcome : ndarray, shape (n,)
        Residual of the outcome off the channels too.
    weights : ndarray, shape (n,), or None
    clusters : ndarray of int, shape (n,)
    df : int
        Residual degrees of freedom of the outcome's regression.
    """

    names: list[str]
    moved: np.ndarray
    slopes: np.ndarray
    psi: np.ndarray
    channels: np.ndarray
    outcome: np.ndarray
    weights: np.ndarray | None
    clusters: np.ndarray
    df: int

    def frame(self, rho: Sequence[float], level: float) -> pd.DataFrame:
        """Sensitivity of every channel, by channel and rho."""
        root = np.ones((len(self.outcome), 1)) if self.weights is None else np.sqrt(self.weights)[:, None]
        u, e = self.channels * root, self.outcome * root[:, 0]
        tables = {}
        for k, name in enumerate(self.names):
            others = np.delete(u, k, axis=1)
            own = u[:, k] - others @ np.linalg.lstsq(others, u[:, k], rcond=None)[0]
            curve = channel_sensitivity(
                float(self.moved[k]),
                float(self.slopes[k]),
                self.psi[:, k],
                own,
                e,
                clusters=self.clusters,
                rho=rho,
                level=level,
            )
            zero = curve.rho_at_zero
            found = robustness(zero / np.sqrt(1 - zero**2) * np.sqrt(self.df), self.df, level=level)
            tables[name] = curve.frame.assign(
                rho_at_zero=zero,
                rho_at_zero_std_error=curve.rho_at_zero_std_error,
                partial_r2=found.partial_r2,
                robustness_value=found.value,
                robustness_value_significance=found.value_significance,
            )
        return pd.concat(tables, names=["channel"])
