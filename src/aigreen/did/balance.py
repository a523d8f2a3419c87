"""Comparable controls: entropy-balancing weights and matched samples on values before treatment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from aigreen.arguments import typed
from aigreen.did.group_time.two_periods import logit
from aigreen.errors import (
    ConvergenceError,
    EmptyDataError,
    MissingRowsWarning,
    NoControlsError,
    NoTreatedError,
    OptionError,
    OverlapWarning,
)
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel, require_panel

_STEPS, _TOLERANCE = 200, 1e-10
_ROUNDING = 1e-14  # of the objective, which is of order one: near the optimum its fall is below that


@dataclass(frozen=True, eq=False)
class Balance:
    r"""Weights that make controls like the treated.

    Attributes
    ----------
    weights : Series, indexed by unit
        1 for ever-treated units, the weight of controls, 0 for controls not matched; units that could not be weighed
        are absent.
    table : DataFrame, indexed by covariate
        Means of the treated, of controls, and of weighted controls; difference over the standard deviation of
        all, before and after.
    effective_controls : float
        :math:`(\sum w)^2 / \sum w^2` over controls.
    dropped : DataFrame
        Units left out, with reason and count.
    """

    weights: pd.Series
    table: pd.DataFrame
    effective_controls: float
    dropped: pd.DataFrame

    def rows(self, panel: Panel) -> pd.Series:
        """Weights of the rows of ``panel.frame``; missing for units without a weight."""
        return panel.frame[panel.names["unit"]].map(self.weights)


@typed
def entropy_balance(panel: Panel, covariates: str | Sequence[str], *, period: int, moments: int = 1) -> Balance:
    r"""Weigh controls so that their means equal those of ever-treated units, as evenly as possible.

    Among weights that meet :math:`\sum_j w_j x_j = \sum_{i \in T} x_i` and :math:`\sum_j w_j = n_T`, these minimise
    :math:`\sum_j w_j \ln w_j`; they are :math:`w_j \propto \exp(x_j'\lambda)`, with :math:`\lambda` from Newton
    steps on the convex dual.

    Parameters
    ----------
    panel : Panel
    covariates : str or sequence of str
        Columns to balance, at their values in `period`.
    period : int
        A period before any unit is treated.
    moments : 1 or 2
        Balance means, or means and mean squares.

    Raises
    ------
    ConvergenceError
        No mix of controls has the means of the treated.

    References
    ----------
    Hainmueller, J. (2012). Entropy balancing for causal effects. Political Analysis 20, 25-46. doi:10.1093/pan/mpr025
    """
    if moments not in (1, 2):
        raise OptionError("moments", moments, [1, 2])
    require_panel(panel)
    dropped = Dropped()
    panel, covariates = panel.with_covariates(covariates, dropped)
    units, treated, x = _cross_section(panel, covariates, period, dropped)
    scaled = (x - x[treated].mean(axis=0)) / _spread(x)
    target = scaled if moments == 1 else np.hstack([scaled, scaled**2 - (scaled[treated] ** 2).mean(axis=0)])
    control = _tilted(target[~treated], covariates) * treated.sum()
    return _balance(units, treated, x, control, covariates, dropped)


@typed
def match(
    panel: Panel, covariates: str | Sequence[str], *, period: int, neighbours: int = 1, caliper: float = 0.2
) -> Balance:
    """Match every ever-treated unit to controls with the nearest propensity score, with replacement.

    Parameters
    ----------
    panel : Panel
    covariates : str or sequence of str
        Columns of the logit for ever being treated, at their values in `period`.
    period : int
        A period before any unit is treated.
    neighbours : int
        Controls for each treated unit; each counts ``1 / neighbours``.
    caliper : float
        Largest distance, in standard deviations of the log odds; treated units without a match within it are left out.

    Raises
    ------
    NoControlsError
        No treated unit has a control within the caliper.
    NotIdentifiedError
        The covariates tell treated and controls apart entirely.

    References
    ----------
    Austin, P. (2011). Optimal caliper widths for propensity-score matching. Pharmaceutical Statistics 10, 150-161.
    doi:10.1002/pst.433
    """
    if neighbours < 1:
        raise OptionError("neighbours", neighbours, ["1 or more"])
    require_panel(panel)
    dropped = Dropped()
    panel, covariates = panel.with_covariates(covariates, dropped)
    units, treated, x = _cross_section(panel, covariates, period, dropped)
    design = np.vstack([np.ones(len(x)), ((x - x.mean(axis=0)) / _spread(x)).T])
    odds = logit(design, treated.astype(float), np.ones(len(x)))[2] @ design
    k = min(neighbours, int((~treated).sum()))
    distance, nearest = cKDTree(odds[~treated, None]).query(odds[treated, None], k=k)
    distance, nearest = distance.reshape(-1, k), nearest.reshape(-1, k)
    near = distance <= caliper * odds.std(ddof=1)
    found = near.any(axis=1)
    if not found.any():
        raise NoControlsError(f"no treated unit has a control within {caliper} standard deviations", count=len(found))
    lost = units[treated][~found]
    dropped.add(OverlapWarning, "units", "no control within the caliper", len(lost), lost[:5])
    share = near / np.maximum(near.sum(axis=1, keepdims=True), 1)
    control = np.bincount(nearest.ravel(), weights=share.ravel(), minlength=int((~treated).sum()))
    kept = ~treated
    kept[np.flatnonzero(treated)[found]] = True
    return _balance(units[kept], treated[kept], x[kept], control, covariates, dropped)


def _cross_section(
    panel: Panel, covariates: Sequence[str], period: int, dropped: Dropped
) -> tuple[pd.Index, np.ndarray, np.ndarray]:
    """Units seen in `period` with all covariates, whether they are ever treated, and the covariates."""
    if not covariates:
        raise OptionError("covariates", list(covariates), ["one column at least"])
    panel.require_units("balancing")
    if period not in panel.times:
        raise OptionError("period", period, [str(time) for time in panel.times])
    if panel.cohorts.size and period >= panel.cohorts[0]:
        raise OptionError("period", period, [f"before {panel.cohorts[0]:.0f}, the first treated period"])
    x = panel.matrix(covariates)
    usable = (panel.time == period) & ~np.isnan(x).any(axis=1)
    codes = panel.unit_codes[usable]
    absent = np.setdiff1d(np.arange(panel.n_units), codes)
    dropped.add(
        MissingRowsWarning,
        "units",
        f"not seen in {period}, or missing {', '.join(covariates)} in it",
        absent.size,
        panel.units[absent[:5]],
    )
    if not codes.size:
        raise EmptyDataError(f"no unit has {', '.join(covariates)} in {period}", count=panel.n_units)
    treated = np.isfinite(panel.unit_cohort[codes])
    if not treated.any():
        raise NoTreatedError(f"no ever-treated unit has {', '.join(covariates)} in {period}", count=len(codes))
    if treated.all():
        raise NoControlsError(f"no never-treated unit has {', '.join(covariates)} in {period}", count=len(codes))
    return panel.units[codes], treated, x[usable]


def _spread(x: np.ndarray) -> np.ndarray:
    spread = x.std(axis=0)
    return np.where(spread > 0, spread, 1.0)


def _tilted(x: np.ndarray, covariates: Sequence[str]) -> np.ndarray:
    """Weights that sum to one, proportional to ``exp(x @ slope)``, under which the mean of `x` is zero."""
    slope = np.zeros(x.shape[1])
    weights, level = _at(x, slope)
    for _ in range(_STEPS):
        gradient = weights @ x
        if np.abs(gradient).max() < _TOLERANCE:
            return weights
        curvature = (x * weights[:, None]).T @ x - np.outer(gradient, gradient)
        step, factor = -np.linalg.lstsq(curvature, gradient, rcond=None)[0], 1.0
        while factor > 1e-10:
            weights_new, level_new = _at(x, slope + factor * step)
            if level_new <= level + 1e-4 * factor * (gradient @ step) + _ROUNDING:
                break
            factor /= 2
        else:
            break
        slope, weights, level = slope + factor * step, weights_new, level_new
    raise ConvergenceError(
        f"no weights balance {', '.join(covariates)}: no mix of controls has the means of the treated"
    )


def _at(x: np.ndarray, slope: np.ndarray) -> tuple[np.ndarray, float]:
    """Tilted weights and the dual objective, ``ln mean exp(x @ slope)``."""
    score = x @ slope
    top = score.max()
    mass = np.exp(score - top)
    return mass / mass.sum(), float(top + np.log(mass.mean()))


def _balance(
    units: pd.Index,
    treated: np.ndarray,
    x: np.ndarray,
    control: np.ndarray,
    covariates: Sequence[str],
    dropped: Dropped,
) -> Balance:
    weights = np.ones(len(units))
    weights[~treated] = control
    target, plain = x[treated].mean(axis=0), x[~treated].mean(axis=0)
    weighted = np.average(x[~treated], axis=0, weights=control)
    spread = _spread(x)
    table = pd.DataFrame(
        {
            "treated": target,
            "controls": plain,
            "weighted_controls": weighted,
            "difference_before": (target - plain) / spread,
            "difference_after": (target - weighted) / spread,
        },
        index=pd.Index(list(covariates), name="covariate"),
    )
    effective = float(control.sum() ** 2 / (control**2).sum())
    return Balance(pd.Series(weights, units, name="weight"), table, effective, dropped.to_frame())
