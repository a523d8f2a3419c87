r"""Interactive effects of the untreated outcome, :math:`\lambda_i'f_t`, brought to the form of varying slopes.

At a least-squares fit :math:`(\hat\lambda, \hat f)` the counterfactual is also that of a linear regression on effects
of units and periods, on :math:`\hat f_t` with slopes that differ by unit and on :math:`\hat\lambda_i` with slopes that
differ by period: its tangent, on which the residuals stand orthogonal. Weights, influence functions and what is reached
follow from that regression, so that the estimation of factors and loadings is in them to first order.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from aigreen.errors import EstimationError, SmallCellWarning, counted, warn
from aigreen.linalg.factors import fit_factors
from aigreen.linalg.varying_slopes import Slope
from aigreen.options import check_periods
from aigreen.panel.panel import Panel

MOST, FOLDS, BLOCK = 5, 10, 3
SPARE = 3  # rows beyond one for each factor: the effect of the unit, and two
GAIN = 0.01
PAST = 5  # rows beyond a unit's coefficients below which effects spread twice as far and more


def check_factors(value: int | Literal["cv"]) -> None:
    """Refuse what is neither a number of factors nor "cv"."""
    if value != "cv":
        check_periods("factors", value)


def interactive_slopes(
    factors: int | Literal["cv"], sample: Panel, y: np.ndarray, X: np.ndarray, fitted: np.ndarray
) -> tuple[list[Slope], int, str]:
    """Fit factors on the marked rows.

    Parameters
    ----------
    factors : int or "cv"
        Their number; "cv": the smallest whose error by `cross_validation` is within 1 % of the least.

    Returns
    -------
    slopes : list of Slope
        Of each factor by unit, of its loadings by period.
    number : int
    told : str
        How it was found, in words.

    Raises
    ------
    EstimationError
        Where no unit has more fitted rows than a unit's coefficients.
    ConvergenceError

    Warns
    -----
    SmallCellWarning
        Of treated units with few untreated rows.
    """
    if factors == 0:
        return [], 0, ""
    at, shape = (sample.unit_codes, sample.time_codes), (sample.n_units, sample.n_periods)
    outcome, covariates, w = np.zeros(shape), np.zeros((*shape, X.shape[1])), np.zeros(shape)
    outcome[at], covariates[at] = y, X
    w[at] = np.where(fitted, 1.0 if sample.weights is None else sample.weights, 0.0)
    number, told = factors, f"{factors}"
    if number == "cv":
        errors = cross_validation(outcome, covariates, w)
        number = int(np.flatnonzero(errors <= (1 + GAIN) * errors.min())[0])
        shown = ", ".join(f"{error:.4g}" for error in errors)
        told = f"{number}, by cross-validation (mean squared errors of 0, 1, ...: {shown})"
    most = min(np.count_nonzero(w, axis=axis).max() for axis in (0, 1)) - 2
    if number > most:
        raise EstimationError(f"{number} factors need units with {number + 2} untreated rows, and periods with as many")
    if not number:
        return [], 0, told
    _warn_of_short_pasts(sample, np.count_nonzero(w, axis=1), number)
    fit = fit_factors(outcome, covariates, w, number)
    slopes = [Slope(sample.unit_codes, column[sample.time_codes]) for column in fit.factors.T]
    slopes += [Slope(sample.time_codes, column[sample.unit_codes]) for column in fit.loadings.T]
    return slopes, number, told


def _warn_of_short_pasts(sample: Panel, past: np.ndarray, number: int) -> None:
    """Warn of treated units whose effect and loadings rest on few untreated rows, `past` by unit."""
    treated = np.bincount(sample.unit_codes[sample.treated], minlength=sample.n_units) > 0
    short = sample.units[treated & (past > number) & (past < number + 1 + PAST)]
    if not short.size:
        return
    needed = f"fewer than {number + 1 + PAST} untreated rows for {number + 1} coefficients each"
    message = f"{counted(short.size, 'treated unit has', 'treated units have')} {needed}: effects are imprecise"
    warn(SmallCellWarning(message, count=short.size, first=short))


def cross_validation(y: np.ndarray, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Mean squared errors of cells left out of the fit, by number of factors from zero on.

    To `MOST` at most; they end where the last two are no better than the best before.

    Cells are left out by blocks of `BLOCK` periods of a unit, in `FOLDS` parts that mix units and periods. Those count
    whose unit keeps half of the periods, and two rows more than it has coefficients with the most factors: of units
    with few rows one or two cells, extrapolated far, would decide.

    Parameters
    ----------
    y : ndarray, shape (N, T);  x : ndarray, shape (N, T, p);  w : ndarray, shape (N, T), zero where not fitted

    Raises
    ------
    EstimationError
        Where units have too few fitted rows to leave a block out.
    """
    n_units, n_periods = y.shape
    by_unit, by_period = np.count_nonzero(w, axis=1), np.count_nonzero(w, axis=0)
    longest = int(by_unit.max()) - BLOCK
    most = min(MOST, longest - SPARE, int(by_period.max()) - SPARE)
    if most < 1 or longest < n_periods / 2:
        raise EstimationError(
            f"factors='cv' leaves out {BLOCK} untreated rows of a unit at a time, and no unit has enough of them; say "
            "how many factors there are"
        )
    part = (np.arange(n_units)[:, None] + np.arange(n_periods) // BLOCK) % FOLDS
    inside = [np.where(part == fold, 0.0, w) for fold in range(FOLDS)]
    tested = []
    for kept in inside:
        rows, units = np.count_nonzero(kept, axis=1)[:, None], np.count_nonzero(kept, axis=0)
        counts = (rows >= max(most + SPARE, n_periods / 2)) & (units >= most + SPARE)
        tested.append(np.where(counts, w - kept, 0.0))
    errors: list[float] = []
    while len(errors) <= most and min(errors[-2:], default=0.0) <= min(errors[:-2], default=np.inf):
        fits = [fit_factors(y, x, kept, len(errors), rough=True) for kept in inside]
        loss = sum(float(np.vdot(v, (y - fit.mean) ** 2)) for v, fit in zip(tested, fits, strict=True))
        errors.append(loss / sum(v.sum() for v in tested))
    return np.array(errors)
