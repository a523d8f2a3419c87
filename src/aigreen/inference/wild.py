"""Wild cluster bootstrap of one coefficient, from cluster sums of fixed-effect-residualised data and scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from aigreen.arguments import typed
from aigreen.effects.multiplier import Multipliers
from aigreen.effects.multiplier import multipliers as draw_multipliers
from aigreen.errors import TooFewClustersError
from aigreen.inference.coefficient import Regression
from aigreen.inference.inversion import Alternative, bounds, check_options, p_value
from aigreen.panel.dropped import Dropped
from aigreen.panel.panel import Panel
from aigreen.progress import progress
from aigreen.regression.lone_clusters import warn_lone

_BLOCK = 2**22


@dataclass(frozen=True, eq=False)
class WildBootstrap:
    """Result of `wild_cluster_bootstrap`.

    Attributes
    ----------
    estimate, t : float
        Coefficient, and t statistic of the null.
    p_value : float
    low, high : float
        Confidence interval by inversion of the test; infinite where no null that far is rejected.
    n_rows, n_clusters : int
    enumerated : bool
        Whether all 2^G sign vectors were used (the first is the identity, which reproduces the data).
    t_draws : ndarray, shape (n_draws,)
    conventions : mapping of str to str
    dropped : DataFrame
    """

    estimate: float
    t: float
    p_value: float
    low: float
    high: float
    n_rows: int
    n_clusters: int
    enumerated: bool
    t_draws: np.ndarray = field(repr=False)
    conventions: dict[str, str] = field(repr=False)
    dropped: pd.DataFrame = field(repr=False)


@typed
def wild_cluster_bootstrap(
    panel: Panel,
    outcome: str,
    treatment: str | None = None,
    *,
    covariates: str | Sequence[str] = (),
    fixed_effects: Sequence[str] | None = None,
    cluster: str | None = None,
    null: float = 0.0,
    restricted: bool = True,
    n_draws: int = 9999,
    multipliers: Multipliers = "rademacher",
    alternative: Alternative = "symmetric",
    count_ties: bool = True,
    seed: int = 0,
    level: float = 0.95,
) -> WildBootstrap:
    r"""Wild cluster bootstrap test and interval of a regression coefficient.

    With :math:`\tilde d` the residuals of the treatment on all other regressors, M the projection off all
    regressors, and restricted residuals :math:`u(r) = \hat u + (\hat\beta - r) \tilde d`, a draw of multipliers v gives

    .. math:: t^*(r) = \frac{\sum_g v_g \tilde d_g' u_g(r)}
        {\sqrt{m \sum_g \big(\sum_h v_h (M 1_g \tilde d)' 1_h u(r)\big)^2}},

    a ratio of a linear function and the root of a quadratic in r whose coefficients are products of cluster sums, so
    that the interval needs no refit. Without restriction, u is the vector of unrestricted residuals.

    Parameters
    ----------
    panel : Panel
    outcome : str
    treatment : str, optional
        Column of the regressor of interest. Default: `panel.treated`.
    covariates : str or sequence of str
    fixed_effects : sequence of str, optional
        Default: unit and time. Empty: an intercept.
    cluster : str, optional
        Column of the clusters. Default: those of the panel.
    null : float
        Hypothetical value of the coefficient.
    restricted : bool
        Impose the null on the residuals (recommended).
    n_draws : int
        Number of draws. Rademacher draws are replaced by all 2^G sign vectors where these are not more.
    multipliers : {"rademacher", "mammen", "webb"}
        Webb's are recommended with fewer than about ten clusters.
    alternative : {"symmetric", "equal_tailed", "greater", "less"}
        symmetric compares absolute values; equal_tailed doubles the smaller tail.
    count_ties : bool
        Count draws that equal the statistic as more extreme, and the data as one of random draws: the p-value is not
        zero. With all sign vectors the data are one of them already if `restricted`; without restriction the identity
        gives a statistic of zero, and the p-value may be zero. False: strict inequalities and plain shares, as
        fwildclusterboot.
    seed : int
    level : float
        Coverage of the interval (two-sided alternatives only; nan otherwise).

    Notes
    -----
    Small-sample factor m = G/(G-1) (N-1)/(N-K), with K the slopes (absorbed effects not counted); p-values and
    intervals do not depend on it. Source: Cameron, Gelbach and Miller (2008); Roodman, MacKinnon, Nielsen and Webb
    (2019), section 5; MacKinnon (2023).

    Raises
    ------
    TooFewClustersError, CollinearError, OptionError
    EstimationError
        The regression fits exactly.
    """
    check_options(alternative, n_draws, level, seed)
    dropped = Dropped()
    fit = Regression.of(panel, outcome, treatment, covariates, fixed_effects, cluster, dropped)
    if fit.n_clusters < 2:
        raise TooFewClustersError("one cluster: no bootstrap over clusters is possible", count=fit.n_clusters)
    fit.require_residuals(outcome)
    if len(np.unique(fit.clusters[fit.treated_rows])) == 1:
        warn_lone([treatment or "treated"])
    enumerated = multipliers == "rademacher" and fit.n_clusters < 63 and 2**fit.n_clusters <= n_draws
    blocks = _all_signs(fit.n_clusters) if enumerated else _random(fit.n_clusters, n_draws, multipliers, seed)
    draws = _Draws.of(fit, blocks, restricted)

    def p_of(r: float) -> float:
        return p_value(*draws.t(fit.estimate - r), alternative, count_ties=count_ties, complete=enumerated)

    low, high = bounds(p_of, fit.estimate, fit.std_error, level, alternative)
    t, t_draws = draws.t(fit.estimate - null)
    return WildBootstrap(
        estimate=fit.estimate,
        t=float(t),
        p_value=p_of(null),
        low=low,
        high=high,
        n_rows=fit.n_rows,
        n_clusters=fit.n_clusters,
        enumerated=enumerated,
        t_draws=t_draws,
        conventions={
            "bootstrap": f"wild cluster, {'restricted' if restricted else 'unrestricted'}, {multipliers}, "
            + (f"all {len(t_draws):,} sign vectors" if enumerated else f"{n_draws:,} draws, seed {seed}"),
            "p-value": f"{alternative}, ties {'count' if count_ties else 'do not count'}",
            "small-sample factor": "G/(G-1) (N-1)/(N-K), K = slopes without absorbed effects",
        },
        dropped=dropped.to_frame(),
    )


@dataclass(frozen=True)
class _Draws:
    """Numerator n0 + n1 x and squared denominator q0 + q1 x + q2 x^2 of every draw, x = estimate - null."""

    n0: np.ndarray
    n1: np.ndarray
    q0: np.ndarray
    q1: np.ndarray
    q2: np.ndarray
    std_error: float

    @classmethod
    def of(cls, fit: Regression, blocks: Iterator[np.ndarray], restricted: bool) -> _Draws:
        residual = fit.cluster_products(fit.residual)
        treatment = fit.cluster_products(fit.treatment) if restricted else None
        parts = []
        for v in blocks:
            s0 = residual.scores(v)
            s1 = np.zeros((1, 1)) if treatment is None else treatment.scores(v)
            n0 = v @ residual.diagonal
            n1 = np.zeros(len(v)) if treatment is None else v @ treatment.diagonal
            quadratic = [
                (s0 * s0).sum(axis=1),
                2 * (s0 * s1).sum(axis=1),
                np.broadcast_to((s1 * s1).sum(axis=1), len(v)),
            ]
            parts.append(np.column_stack([n0, n1, *quadratic]))
        columns = np.vstack(parts).T
        columns[2:] *= fit.small_sample
        n0, n1, q0, q1, q2 = columns
        return cls(n0, n1, q0, q1, q2, fit.std_error)

    def t(self, x: float) -> tuple[float, np.ndarray]:
        """Statistic and draws at estimate - null = x."""
        with np.errstate(divide="ignore", invalid="ignore"):
            draws = (self.n0 + self.n1 * x) / np.sqrt(self.q0 + x * (self.q1 + x * self.q2))
        return x / self.std_error, draws


def _all_signs(n_clusters: int) -> Iterator[np.ndarray]:
    """All sign vectors, the identity first."""
    total, block = 2**n_clusters, max(1, _BLOCK // n_clusters)
    for start in progress(range(0, total, block), "wild bootstrap"):
        number = np.arange(start, min(start + block, total))
        yield 1.0 - 2.0 * ((number[:, None] >> np.arange(n_clusters)) & 1)


def _random(n_clusters: int, n_draws: int, kind: Multipliers, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    block = max(1, _BLOCK // n_clusters)
    for start in progress(range(0, n_draws, block), "wild bootstrap"):
        yield draw_multipliers(rng, (min(block, n_draws - start), n_clusters), kind)
