r"""Two-period difference-in-differences with covariates: regression, weighting, doubly robust.

Sant'Anna and Zhao (2020), *Journal of Econometrics* 219. Every estimator returns influence functions in sums:
:math:`\hat\tau - \tau \approx \sum_i \psi_i`, first steps (outcome regression, propensity score) included, without
small-sample factor. Covariates come as rows, shape (p, n), the first row being the intercept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from scipy import linalg

from aigreen.errors import EstimationError

Method = Literal["dr", "ipw", "reg"]

NEAR_ONE = 0.999
NO_OVERLAP = f"propensity scores above {NEAR_ONE}"
_SINGULAR = 1e-12
MAX_STEPS = 50
_DECREMENT = 1e-13


class NotIdentifiedError(EstimationError):
    """One cell cannot be computed; the message is the reason, without the cell."""


def panel_att(
    method: Method,
    treated: tuple[np.ndarray, np.ndarray | None, np.ndarray],
    controls: tuple[np.ndarray, np.ndarray | None, np.ndarray],
    start: np.ndarray | None = None,
    propensity: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    r"""Average effects on the treated from differences of the outcome, several outcomes at once.

    .. math::
        \hat\tau = \sum_i \Big(\frac{w_i D_i}{\sum w D} - \frac{\omega_i}{\sum \omega}\Big)
        (\Delta Y_i - x_i'\hat\beta), \qquad \omega_i = \frac{w_i \hat p_i (1 - D_i)}{1 - \hat p_i},

    with :math:`\hat\beta` from least squares on the controls and :math:`\hat p` from a logit. "dr" has both parts
    (their equation 3.1), "ipw" sets :math:`\beta = 0` (Hájek weights), "reg" leaves the second weight out.

    Parameters
    ----------
    method : {"dr", "ipw", "reg"}
    treated, controls : (differences, covariates, weights)
        Shapes (m, n), (p, n) or None, (n,): m outcomes on the same n units.
    start : ndarray, shape (q,), optional
        Start of the logit, as returned by the fit of a similar cell.
    propensity : (ndarray, ndarray), shapes (q, n treated), (q, n controls), optional
        Covariates of the propensity score where they are others; the other covariates are then not None.

    Returns
    -------
    att : shape (m,)
    psi_treated : shape (m, n treated);  psi_controls : shape (m, n controls)
    start : shape (q,) or None
        Coefficients of the logit without the log odds of being treated.

    Raises
    ------
    NotIdentifiedError
        Propensity scores near one, or covariates that are collinear in the cell.
    """
    (dy1, x1, w1), (dy0, x0, w0) = treated, controls
    share1 = w1 / w1.sum()
    if x1 is None or x0 is None:
        mean1, share0 = dy1 @ share1, w0 / w0.sum()
        mean0 = dy0 @ share0
        return mean1 - mean0, (dy1 - mean1[:, None]) * share1, (mean0[:, None] - dy0) * share0, None

    if method != "ipw":
        xw = x0 * w0
        gram = xw @ x0.T
        require_rank(gram)
        beta = np.linalg.solve(gram, xw @ dy0.T)
        dy1, dy0 = dy1 - beta.T @ x1, dy0 - beta.T @ x0
        shift = x1 @ share1
    mean1 = dy1 @ share1
    psi1 = (dy1 - mean1[:, None]) * share1
    if method == "reg":
        slope0 = w0 * (np.linalg.solve(gram, shift) @ x0)
        return mean1, psi1, -dy0 * slope0, None

    z1, z0 = (x1, x0) if propensity is None else propensity
    checked = method == "dr" and propensity is None
    p1, p0, information, start = _propensity(z1, w1, z0, w0, start, checked=checked)
    odds = w0 * p0 / (1 - p0)
    share0 = odds / odds.sum()
    mean0 = dy0 @ share0
    moment = (dy0 * share0) @ z0.T - np.outer(mean0, z0 @ share0)
    through_logit = np.linalg.solve(information, moment.T).T
    psi1 -= through_logit @ (z1 * (w1 * (1 - p1)))
    on_outcome = share0 if method == "ipw" else share0 + w0 * (np.linalg.solve(gram, shift - x0 @ share0) @ x0)
    psi0 = dy0 * -on_outcome
    psi0 += np.column_stack([mean0, through_logit]) @ np.vstack([share0, z0 * (w0 * p0)])
    return mean1 - mean0, psi1, psi0, start


def cross_section_att(
    method: Method,
    y: np.ndarray,
    x: np.ndarray | None,
    w: np.ndarray,
    d: np.ndarray,
    later: np.ndarray,
    z: np.ndarray | None = None,
) -> tuple[float, np.ndarray]:
    r"""Average effect on the treated from two cross-sections, assumed to be drawn from one population.

    "dr" is the locally efficient estimator (their equation 3.4). With :math:`a_s, c_s` the weights of the treated and
    of the reweighted controls in cross-section s, q those of all treated, each summing to one,

    .. math::
        \hat\tau = \sum_{s=0,1} (-1)^{1-s} \sum_i \big[ (a_{si} - c_{si})(Y_i - x_i'\beta_{0s})
        + (q_i - a_{si})\, x_i'(\beta_{1s} - \beta_{0s}) \big].

    Parameters
    ----------
    y, w : shape (n,);  x : shape (p, n) or None
    d, later : bool, shape (n,)
        Treated, and second cross-section.
    z : shape (q, n), optional
        Covariates of the propensity score where they are others than x.

    Returns
    -------
    att : float
    psi : shape (n,)

    Raises
    ------
    NotIdentifiedError
    """
    x = np.ones((1, len(y))) if x is None else x
    z = x if z is None else z
    psi, att = np.zeros(len(y)), 0.0
    q = _shares(w * d)
    if method != "reg":
        require_rank((z * w) @ z.T)
        p, information, _ = logit(z, d, w)
        odds = w * (1 - d) * p / (1 - p)
        moment = np.zeros(len(z))
    for sign, period in ((1, later), (-1, ~later)):
        a = _shares(w * (d & period))
        part = np.zeros(len(y))
        if method == "ipw":
            residual = y
        else:
            beta0, through0 = _least_squares(x, y, w * (~d & period))
            fit0 = beta0 @ x
            residual = y - fit0 if method == "dr" else y
        part += a * (residual - a @ residual)
        value = a @ residual
        if method == "reg":
            value -= q @ fit0
            part -= q * (fit0 - q @ fit0) + through0(x @ q)
        else:
            c = _shares(odds * period)
            value -= c @ residual
            part -= c * (residual - c @ residual)
            moment += sign * (z @ (c * (residual - c @ residual)))
        if method == "dr":
            beta1, through1 = _least_squares(x, y, w * (d & period))
            gap = (beta1 - beta0) @ x
            value += (q - a) @ gap
            part += q * (gap - q @ gap) - a * (gap - a @ gap)
            part += through1(x @ (q - a)) + through0(x @ (c - q))
        att += sign * value
        psi += sign * part
    if method != "reg":
        psi -= w * (d - p) * (np.linalg.solve(information, moment) @ z)
    return float(att), psi


def logit(
    x: np.ndarray, d: np.ndarray, w: np.ndarray, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit a weighted logit by Newton steps.

    Equal to statsmodels' `Logit` and, with weights, to its binomial `GLM`, to 1e-10. It stands here because `Logit`
    takes no weights, and because a cell takes four to twelve times as long there.

    Parameters
    ----------
    x : shape (p, n);  d : shape (n,), 0 or 1;  w : shape (n,);  start : shape (p,), optional

    Returns
    -------
    probabilities : shape (n,);  information : shape (p, p), not divided by n;  coefficients : shape (p,)

    Raises
    ------
    NotIdentifiedError
        Where a probability passes `NEAR_ONE` (separation included) or the steps do not converge.
    """
    beta = np.zeros(len(x)) if start is None else start
    xw = x * w
    weight = w.sum()
    done = False
    for _ in range(MAX_STEPS):
        p = logistic(beta @ x)
        information = (xw * (p * (1 - p))) @ x.T
        if done:
            break
        step, done = newton_step(information, xw @ (d - p), weight)
        beta = beta + step
    if not done or not p.max() < NEAR_ONE:
        raise NotIdentifiedError(NO_OVERLAP)
    return p, information, beta


def logistic(index: np.ndarray) -> np.ndarray:
    """Probabilities, written over the linear index."""
    np.clip(index, -35, 35, out=index)
    np.exp(np.negative(index, out=index), out=index)
    index += 1
    return np.reciprocal(index, out=index)


def newton_step(information: np.ndarray, score: np.ndarray, weight: float) -> tuple[np.ndarray, bool]:
    """Step of the coefficients, and whether it is the last; `weight` is that of all units.

    Raises
    ------
    NotIdentifiedError
    """
    _, step, failed = linalg.lapack.dposv(information, score)
    if failed:
        raise NotIdentifiedError("the propensity score cannot be fitted")
    return step, bool(score @ step < _DECREMENT * weight)


def _propensity(
    x1: np.ndarray, w1: np.ndarray, x0: np.ndarray, w0: np.ndarray, start: np.ndarray | None, *, checked: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Logit of treated against controls; `checked` says that the design of the controls is known to be regular."""
    x, w = np.concatenate([x1, x0], axis=1), np.concatenate([w1, w0])
    if not checked:
        require_rank((x * w) @ x.T)
    d = np.zeros(len(w))
    d[: len(w1)] = 1
    log_odds = np.zeros(len(x))
    log_odds[0] = np.log(w1.sum() / w0.sum())
    try:
        p, information, beta = logit(x, d, w, log_odds if start is None else log_odds + start)
    except NotIdentifiedError:
        if start is None:
            raise
        p, information, beta = logit(x, d, w, log_odds)  # steps may diverge from coefficients that are far off
    return p[: len(w1)], p[len(w1) :], information, beta - log_odds


def _shares(w: np.ndarray) -> np.ndarray:
    return w / w.sum()


def _least_squares(
    x: np.ndarray, y: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Weighted regression: its coefficients, and the influence of a linear function of them."""
    xw = x * w
    gram = xw @ x.T
    require_rank(gram)
    beta = np.linalg.solve(gram, xw @ y)
    scores = xw * (y - beta @ x)
    return beta, lambda direction: np.linalg.solve(gram, direction) @ scores


def require_rank(gram: np.ndarray) -> None:
    """Refuse collinear covariates, whatever their units of measurement."""
    scale = np.sqrt(np.diag(gram))
    regular = bool((scale > 0).all())
    if regular and len(scale) > 1:
        roots = np.linalg.eigvalsh(gram / np.outer(scale, scale))
        regular = roots[0] > _SINGULAR * roots[-1]
    if not regular:
        raise NotIdentifiedError("covariates are collinear in the cell")
