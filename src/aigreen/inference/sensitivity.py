"""How strong an omitted variable must be to change a coefficient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from aigreen.arguments import typed
from aigreen.errors import EffectsError
from aigreen.options import check_level

_ROOT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Robustness:
    """Result of `robustness`.

    Attributes
    ----------
    partial_r2 : float
        Of the treatment with the outcome: an omitted variable that explains all the rest of the outcome must explain
        this share of the treatment's to bring the estimate to zero.
    value : float
        Share of the residual variance of both treatment and outcome that an omitted variable must explain to reduce the
        estimate by `q` of itself.
    value_significance : float
        The same to make the reduced estimate insignificant.
    q, level : float
    """

    partial_r2: float
    value: float
    value_significance: float
    q: float
    level: float


@dataclass(frozen=True)
class Adjusted:
    """An estimate as it would be with the omitted variable included."""

    estimate: float
    std_error: float
    statistic: float
    low: float
    high: float


@dataclass(frozen=True)
class Oster:
    """Result of `oster`.

    Attributes
    ----------
    beta : float
        Coefficient adjusted for selection on unobservables of `delta` times that on observables.
    delta : float
        Selection on unobservables, relative to that on observables, that would make the coefficient `null`.
    roots : tuple of float
        All real solutions for the adjusted coefficient, nearest to the full one first.
    r2_max : float
    """

    beta: float
    delta: float
    roots: tuple[float, ...]
    r2_max: float


@typed
def robustness(statistic: float, df: float, *, q: float = 1.0, level: float = 0.95) -> Robustness:
    r"""Robustness values of a coefficient from its t statistic.

    .. math:: RV = \tfrac12 \left(\sqrt{f^4 + 4 f^2} - f^2\right), \qquad f = q |t| / \sqrt{df},

    and for significance with :math:`f - t^*_{\alpha, df-1} / \sqrt{df - 1}` in place of f (zero where negative), or
    :math:`(f^2 - f^{*2}) / (1 + f^2)` where an omitted variable that explains less of the outcome suffices.

    Parameters
    ----------
    statistic : float
        Estimate over its standard error (of the homoskedastic regression, for which the algebra is exact).
    df : float
        Residual degrees of freedom.
    q : float
        Share of the estimate to explain away.
    level : float
        One less the size of the significance test.

    Notes
    -----
    The value grows with the t statistic, whatever made it large: a confounded coefficient can have a higher one than
    the true coefficient has. It is no evidence that nothing was omitted; compare it with how much an omitted variable
    can explain, by argument or by the share that an observed covariate explains.

    Source: Cinelli and Hazlett (2020).
    """
    _check_df(df, level)
    if q <= 0:
        raise EffectsError(f"q={q}: a positive share is needed")
    f = q * abs(statistic) / np.sqrt(df)
    least = _quantile(df - 1, level) / np.sqrt(df - 1)
    if f <= least:
        significance = 0.0
    elif f * least < 1:
        significance = _robustness_value(f - least)
    else:
        significance = (f**2 - least**2) / (1 + f**2)
    return Robustness(
        partial_r2=float(statistic**2 / (statistic**2 + df)),
        value=float(_robustness_value(f)),
        value_significance=float(significance),
        q=q,
        level=level,
    )


@typed
def adjusted_estimate(
    estimate: float,
    std_error: float,
    df: float,
    *,
    r2_treatment: float,
    r2_outcome: float,
    reduce: bool = True,
    level: float = 0.95,
) -> Adjusted:
    r"""Estimate, error and interval if an omitted variable had these partial R2.

    .. math:: |\mathrm{bias}| = se \sqrt{df}\, \sqrt{\frac{R^2_{Y \sim Z|D,X} R^2_{D \sim Z|X}}{1 - R^2_{D \sim Z|X}}},
              \qquad se' = se \sqrt{\frac{1 - R^2_{Y \sim Z|D,X}}{1 - R^2_{D \sim Z|X}} \frac{df}{df - 1}}.

    Parameters
    ----------
    estimate, std_error, df : float
    r2_treatment, r2_outcome : float
        Partial R2 of the omitted variable with treatment (given covariates) and outcome (given these and treatment).
    reduce : bool
        Whether leaving it out moved the estimate away from zero.
    level : float

    Notes
    -----
    Source: Cinelli and Hazlett (2020), equations 12 and 13.
    """
    _check_df(df, level)
    _check_share("r2_treatment", r2_treatment, below_one=True)
    _check_share("r2_outcome", r2_outcome)
    bias = std_error * np.sqrt(df * r2_outcome * r2_treatment / (1 - r2_treatment))
    direction = np.copysign(1.0, estimate) * (1 if reduce else -1)
    moved = float(estimate - direction * bias)
    error = float(std_error * np.sqrt((1 - r2_outcome) / (1 - r2_treatment) * df / (df - 1)))
    reach = _quantile(df - 1, level) * error
    return Adjusted(moved, error, moved / error if error else np.nan, moved - reach, moved + reach)


@typed
def benchmark(
    r2_treatment: float, r2_outcome: float, *, times_treatment: float = 1.0, times_outcome: float | None = None
) -> tuple[float, float]:
    r"""Bounds on the partial R2 of an omitted variable some times as strong as an observed covariate.

    With :math:`f^2 = R^2/(1 - R^2)` and covariate j,

    .. math:: R^2_{D \sim Z|X} = k_D f^2_{D \sim j|X_{-j}}, \qquad
              R^2_{Y \sim Z|D,X} \le \left(\frac{\sqrt{k_Y} + g}{\sqrt{1 - g^2}}\right)^2 f^2_{Y \sim j|D,X_{-j}}, \quad
              g^2 = \frac{k_D R^4_{D \sim j|X_{-j}}}{(1 - k_D R^2_{D \sim j|X_{-j}})(1 - R^2_{D \sim j|X_{-j}})}.

    Parameters
    ----------
    r2_treatment, r2_outcome : float
        Partial R2 of the covariate with treatment and outcome, as from the t statistics of the two regressions.
    times_treatment, times_outcome : float
        k_D and k_Y; k_Y = k_D by default.

    Returns
    -------
    r2_treatment, r2_outcome : float
        For `adjusted_estimate`.

    Notes
    -----
    Source: Cinelli and Hazlett (2020), section 4.4.

    Raises
    ------
    EffectsError
        Where no omitted variable can be that strong.
    """
    _check_share("r2_treatment", r2_treatment, below_one=True)
    _check_share("r2_outcome", r2_outcome, below_one=True)
    k_d = times_treatment
    k_y = k_d if times_outcome is None else times_outcome
    treatment = k_d * r2_treatment / (1 - r2_treatment)
    g2 = k_d * r2_treatment**2 / ((1 - k_d * r2_treatment) * (1 - r2_treatment)) if k_d * r2_treatment < 1 else np.inf
    if treatment >= 1 or g2 >= 1:
        raise EffectsError(f"no omitted variable is {k_d:g} times as strong as a covariate with R2 {r2_treatment:.3g}")
    outcome = (np.sqrt(k_y) + np.sqrt(g2)) ** 2 / (1 - g2) * r2_outcome / (1 - r2_outcome)
    return float(treatment), float(min(outcome, 1.0))


@typed
def partial_r2(statistic: float, df: float) -> float:
    """Partial R2 of a regressor from its t statistic: t^2 / (t^2 + df)."""
    return float(statistic**2 / (statistic**2 + df))


@typed
def oster(
    short: tuple[float, float],
    full: tuple[float, float],
    *,
    variance_treatment: float,
    variance_residual: float,
    variance_outcome: float,
    r2_max: float | None = None,
    delta: float = 1.0,
    null: float = 0.0,
) -> Oster:
    r"""Adjust a coefficient for selection on unobservables in proportion to that on observables.

    The bias :math:`\nu = \tilde\beta - \beta` of the full regression solves

    .. math:: \delta \left[(R_{max} - \tilde R) s_y (\Delta s_x + \nu (s_x - \tau)) + \nu^2 \tau \Delta s_x
              + \nu^3 (\tau s_x - \tau^2)\right]
              = \nu (\tilde R - \dot R) s_y \tau + \nu s_x \tau \Delta^2 + 2 \nu^2 \tau \Delta s_x
              + \nu^3 (\tau s_x - \tau^2)

    with :math:`\Delta = \dot\beta - \tilde\beta` between the short and the full regression, s the variances of outcome
    and treatment, and tau that of the treatment's residual on the controls.

    Parameters
    ----------
    short, full : tuple of float
        Coefficient and R2 without and with controls. Fixed effects that stand in both are partialled out of all
        variables, variances and R2.
    variance_treatment, variance_residual, variance_outcome : float
    r2_max : float, optional
        R2 with the unobservables too; by default 1.3 times that with controls, at most 1.
    delta : float
        For the adjusted coefficient.
    null : float
        For the delta that explains the coefficient away.

    Notes
    -----
    Where there are several real solutions, those that imply that the unobservables reverse the direction of selection
    on observables are set aside, and the nearest to the full coefficient is returned. Source: Oster (2019),
    propositions 2 and 3.

    Raises
    ------
    EffectsError
        Where R2 or variances are impossible.
    """
    (b0, r0), (b1, r1) = short, full
    top = min(1.3 * r1, 1.0) if r2_max is None else r2_max
    s_x, tau, s_y = variance_treatment, variance_residual, variance_outcome
    if not 0 <= r0 <= r1 <= top <= 1:
        raise EffectsError(
            f"R2 must not fall from short ({r0:.4g}) to full ({r1:.4g}) to r2_max ({top:.4g}), at most 1"
        )
    if not (0 < tau <= s_x and s_y > 0):
        raise EffectsError("variances must be positive, and that of the residual at most that of the treatment")
    change = b0 - b1
    cubic = tau * s_x - tau**2
    selected = np.array([cubic, tau * change * s_x, (top - r1) * s_y * (s_x - tau), (top - r1) * s_y * change * s_x])
    observed = np.array([cubic, 2 * tau * change * s_x, (r1 - r0) * s_y * tau + s_x * tau * change**2, 0.0])
    gap = b1 - null
    unobserved = np.polyval(selected, gap)
    needed = np.polyval(observed, gap) / unobserved if unobserved else np.inf
    roots = b1 - _real_roots(observed - delta * selected)
    same_direction = roots[np.sign(b1 - roots) * np.sign(change) * np.sign(delta) >= 0]
    kept = same_direction if len(same_direction) else roots
    if not len(kept):
        return Oster(np.nan, float(needed), (), top)
    order = np.argsort(np.abs(roots - b1))
    return Oster(float(kept[np.abs(kept - b1).argmin()]), float(needed), tuple(map(float, roots[order])), top)


def _real_roots(coefficients: np.ndarray) -> np.ndarray:
    """Real roots of a polynomial whose leading coefficients may be zero up to rounding."""
    scale = np.abs(coefficients).max()
    if scale == 0:
        return np.zeros(1)
    lead = np.flatnonzero(np.abs(coefficients) > 1e-13 * scale)[0]
    roots = np.roots(coefficients[lead:])
    return np.real(roots[np.abs(roots.imag) <= _ROOT_TOLERANCE * (1 + np.abs(roots))])


def _robustness_value(f: float) -> float:
    return (np.sqrt(f**4 + 4 * f**2) - f**2) / 2


def _quantile(df: float, level: float) -> float:
    return float(special.stdtrit(df, (1 + level) / 2))


def _check_df(df: float, level: float) -> None:
    if df <= 1:
        raise EffectsError(f"df={df}: more than one residual degree of freedom is needed")
    check_level(level)


def _check_share(name: str, value: float, *, below_one: bool = False) -> None:
    if not (0 <= value < 1 if below_one else 0 <= value <= 1):
        raise EffectsError(f"{name}={value}: a share of variance is needed{', below 1' if below_one else ''}")
