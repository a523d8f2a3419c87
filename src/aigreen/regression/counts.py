"""Counts whose variance exceeds their mean: negative binomial regressions with fixed effects as dummies."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from aigreen.arguments import check_fields, typed
from aigreen.effects.effects import Effects
from aigreen.errors import CollinearError, ConvergenceError, EstimationError
from aigreen.linalg.arrays import compact, sum_by
from aigreen.linalg.collinearity import column_scale, independent_columns
from aigreen.linalg.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters
from aigreen.options import check_fixed_effects
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import Panel
from aigreen.regression.dummies import treatment_shares
from aigreen.regression.regressors import draw_regressors

LARGEST = 1_000  # dummies
_DECREMENT = 1e-10


@dataclass(frozen=True, kw_only=True)
class NegativeBinomial:
    r"""Negative binomial regression by maximum likelihood of statsmodels, with one dummy for each fixed effect.

    .. math:: E[Y_{it}] = \mu_{it} = e^{D_{it}\tau + X_{it}'\beta + \alpha_i + \lambda_t + \dots}, \quad
              V[Y_{it}] = \mu_{it} + \phi \mu_{it}^2 .

    Parameters
    ----------
    fixed_effects : sequence of str, optional
        Columns; ``"a^b"`` is the interaction of two. Default: the panel's unit and time. At most 1,000 levels in all.

    Notes
    -----
    A cross-check of `TWFE` with ``family="poisson"``, which needs only the mean to be right, and whose coefficients do
    not suffer from many fixed effects. Here the mean and the variance must be right, and with few rows a unit the
    dummies bias :math:`\phi` downwards (Allison and Waterman 2002); errors are clustered and do not lean on the
    variance. Groups with only zeros are left out and counted. Intervals of dummies of treatment, and of doses
    where most rows are of clusters without one, use the degrees of freedom that the treated clusters leave, whose rows
    count by :math:`\mu/(1 + \phi\mu)`, as in the score; others use the normal distribution.

    References
    ----------
    Allison, P. and Waterman, R. (2002). Fixed-effects negative binomial regression models. Sociological Methodology
    32, 247-265. doi:10.1111/1467-9531.00117
    """

    fixed_effects: Sequence[str] | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        check_fixed_effects(self.fixed_effects)

    @typed
    def fit(
        self,
        panel: Panel,
        outcome: str,
        *,
        treatment: str | Sequence[str] | None = None,
        covariates: Sequence[str] | None = None,
    ) -> Effects:
        """Fit and return coefficients (log points) by `term`: treatments, then covariates.

        Parameters
        ----------
        panel : Panel
            Without weights.
        outcome : str
        treatment : str or sequence of str, optional
            Columns. Default: whether the row is at or after its unit's first treated period, labelled "treated".
        covariates : sequence of str, optional

        Raises
        ------
        DataError, EstimationError
            Too many fixed effects, or weights.
        CollinearError
            Fixed effects and other columns determine a column.
        ConvergenceError
            Among others where the counts are not spread more widely than Poisson's.
        """
        dropped = Dropped()
        names = panel.effect_names(self.fixed_effects)
        found = draw_regressors(panel, outcome, treatment, covariates, names, dropped, counts=True)
        sample, y, labels = found.sample, found.y, found.labels
        scale = column_scale(found.X)
        dummies = _dummies(sample.effects, found.X / scale, labels)
        k, n = len(labels), len(sample)
        params, scores, bread, weights = _fit(y, np.column_stack([found.X / scale, dummies]))
        n_treatments = 1 if isinstance(treatment, str) else len(treatment or ["treated"])
        clusters, n_clusters = compact(sample.clusters)
        factor = cluster_factor(n, n_parameters(k, sample.effects, [clusters]), n_clusters)
        influence = (scores @ bread[:, :k]) / scale
        return Effects(
            values=params[:k] / scale,
            index=pd.Index(labels, name="term"),
            psi=np.sqrt(factor) * sum_by(sample.clusters, influence, len(panel.clusters)),
            method="negative binomial",
            cluster_shares=treatment_shares(sample, found.X, n_treatments, by_cohort=not treatment, mean=weights),
            conventions={
                "fixed effects": ", ".join(names),
                "variance": f"clustered by {panel.clusters.name}, {SMALL_SAMPLE}",
                "singletons": "left out, counted",
                "dispersion": f"{params[-1]:.6g} (variance = mean + dispersion mean^2)",
            },
            **result_facts(sample.panel, sample.rows, outcome, dropped, spread=scale, counts="relative"),
        )


def _dummies(effects: Sequence[np.ndarray], X: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Return dummies of all effects, shape (n, levels), without those that the others determine."""
    levels = sum(int(codes.max()) + 1 for codes in effects)
    if levels > LARGEST:
        raise EstimationError(
            f"{levels:,} fixed effects: as dummies a negative binomial takes {LARGEST:,}; "
            "TWFE(family='poisson') takes any number"
        )
    dummies = np.column_stack([np.equal.outer(codes, np.arange(codes.max() + 1)) for codes in effects]).astype(float)
    both = np.column_stack([dummies, X])
    keep = independent_columns(both.T @ both, np.einsum("ij,ij->j", both, both))
    lost = [label for label, kept in zip(labels, keep[levels:], strict=True) if not kept]
    if lost:
        raise CollinearError(f"fixed effects and other columns determine {', '.join(lost[:5])} ({len(lost)} columns)")
    return dummies[:, keep[:levels]]


def _fit(y: np.ndarray, design: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    r"""Return parameters (dispersion last), scores, inverse of minus the Hessian, and weights of rows.

    Of shapes (p,), (n, p), (p, p) and (n,); rows count in the score by the weights :math:`\mu/(1 + \phi\mu)`.
    """
    from statsmodels.discrete.discrete_model import NegativeBinomial as Likelihood
    from statsmodels.discrete.discrete_model import Poisson

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            start = Poisson(y, design, check_rank=False, hasconst=True).fit(method="newton", maxiter=100, disp=0)
            mean = start.predict()
            excess = float(((y - mean) ** 2 - mean).sum() / (mean**2).sum())
            if not excess > 0:
                raise ConvergenceError(
                    f"the counts are not spread more widely than Poisson's (dispersion {excess:.3g}): "
                    "use TWFE(family='poisson')"
                )
            likelihood = Likelihood(y, design, check_rank=False, hasconst=True)
            first = np.append(start.params, excess)
            params = likelihood.fit(start_params=first, method="newton", maxiter=100, disp=0, skip_hessian=True).params
            information = -likelihood.hessian(params)
            scores = _scores(y, design, np.asarray(params))
            bread = np.linalg.inv(information)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise ConvergenceError(f"the negative binomial fit failed: {error}") from error
    gradient = scores.sum(axis=0)
    decrement = gradient @ bread @ gradient
    if not (0 <= decrement < _DECREMENT and params[-1] > 0):
        raise ConvergenceError("the negative binomial fit did not converge in 100 steps")
    mean = np.exp(design @ params[:-1])
    return np.asarray(params), scores, bread, mean / (1 + params[-1] * mean)


def _scores(y: np.ndarray, design: np.ndarray, params: np.ndarray) -> np.ndarray:
    r"""Return derivatives of each row's log likelihood by coefficients and dispersion, shape (n, p)."""
    mean, spread = np.exp(design @ params[:-1]), params[-1]
    size = 1 / spread
    by_size = special.digamma(y + size) - special.digamma(size) - np.log1p(spread * mean)
    by_size += (mean - y) / (size + mean)
    return np.column_stack([design * ((y - mean) / (1 + spread * mean))[:, None], -(size**2) * by_size])
