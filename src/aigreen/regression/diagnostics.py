"""Tests of instruments, and a second opinion on least squares, both by linearmodels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from aigreen.arguments import typed
from aigreen.effects.effects import Effects
from aigreen.errors import CollinearError, EstimationError, NoVariationError, OptionError, TooFewClustersError
from aigreen.linalg.arrays import compact
from aigreen.linalg.collinearity import column_scale, independent_within
from aigreen.linalg.sandwich import SMALL_SAMPLE, cluster_factor, n_parameters
from aigreen.options import check_fixed_effects
from aigreen.panel.dropped import Dropped
from aigreen.panel.facts import result_facts
from aigreen.panel.panel import Panel
from aigreen.regression.absorbed import EXPLAINED, project
from aigreen.regression.regressors import draw_regressors


@typed
def iv_diagnostics(
    panel: Panel,
    outcome: str,
    endogenous: str | Sequence[str],
    instruments: str | Sequence[str],
    covariates: Sequence[str] | None = None,
    fixed_effects: Sequence[str] | None = None,
) -> pd.DataFrame:
    r"""Test the instruments of a two-stage least squares regression with absorbed fixed effects.

    After the fixed effects are taken out of every column (Frisch-Waugh-Lovell), linearmodels' `IV2SLS` gives

    - first stage: :math:`H_0: \pi = 0` in :math:`d = Z\pi + X\gamma + v`, as an F statistic under equal variances and
      as the Wald statistic clustered by the panel's clusters over the number of instruments;
    - Wu-Hausman: :math:`H_0: \rho = 0` in :math:`y = d\tau + X\beta + \hat v\rho + e` (the treatments are exogenous),
      under equal variances;
    - Sargan: :math:`n R^2` of the 2SLS residuals on Z and X, only with more instruments than treatments, under equal
      variances.

    Parameters
    ----------
    panel : Panel
        Without weights.
    outcome : str
    endogenous, instruments : str or sequence of str
    covariates : sequence of str, optional
    fixed_effects : sequence of str, optional
        Default: the panel's unit and time.

    Returns
    -------
    DataFrame
        Indexed by test and variable ("" where the test is of all); columns statistic, df, df_denominator (missing for
        chi-squared), p_value. The denominators count the absorbed fixed effects.

    Raises
    ------
    DataError, OptionError
        Fewer instruments than treatments.
    CollinearError
        Fixed effects and other columns determine a column.

    References
    ----------
    Wooldridge, J. (2010). Econometric Analysis of Cross Section and Panel Data, sections 5.2.1, 6.2.1 and 6.2.2.
    """
    from linearmodels.iv import IV2SLS

    check_fixed_effects(fixed_effects)
    treatments, excluded = _listed(endogenous), _listed(instruments)
    if not 0 < len(treatments) <= len(excluded):
        raise OptionError("instruments", excluded, [f"{len(treatments)} columns or more, one for each treatment"])
    names = panel.effect_names(fixed_effects)
    found = draw_regressors(panel, outcome, treatments, covariates, names, Dropped(), also=excluded)
    sample = found.sample
    columns = np.column_stack([found.X[:, len(treatments) :], sample.matrix(excluded), found.X[:, : len(treatments)]])
    others = found.labels[len(treatments) :]
    within = _within(columns, [*others, *excluded, *treatments], sample.effects)
    y = project(found.y[:, None] / column_scale(found.y[:, None]), sample.effects, None)[:, 0]
    if y.std() <= EXPLAINED:
        raise NoVariationError(outcome)
    k, q, t = len(others), len(excluded), len(treatments)
    frame = pd.DataFrame(within, columns=[f"c{j}" for j in range(k + q + t)])
    exogenous = frame.iloc[:, :k] if k else None
    model = IV2SLS(y, exogenous, frame.iloc[:, k + q :], frame.iloc[:, k : k + q])
    clusters, n_clusters = compact(sample.clusters)
    if n_clusters < 2:
        raise TooFewClustersError("one cluster: no variance can be computed", count=1)
    plain: Any = model.fit(cov_type="unadjusted", debiased=True)
    clustered: Any = model.fit(cov_type="clustered", clusters=clusters, debiased=False)
    n, absorbed = len(sample), n_parameters(0, sample.effects)
    factor = cluster_factor(n, n_parameters(k + q, sample.effects, [clusters]), n_clusters)
    rows: dict[tuple[str, str], tuple[float, int, float]] = {}
    left = n - k - q - absorbed
    for name, label in zip(treatments, frame.columns[k + q :], strict=True):
        even = plain.first_stage.diagnostics.loc[label, "f.stat"] * left / (n - k - q)
        wald = clustered.first_stage.diagnostics.loc[label, "f.stat"]
        rows["first stage", name] = (even, q, left)
        rows["first stage, clustered", name] = (wald / q / factor, q, n_clusters - 1)
    left = n - k - 2 * t - absorbed
    rows["Wu-Hausman", ""] = (plain.wu_hausman().stat * left / (n - k - 2 * t), t, left)
    if q > t:
        rows["Sargan", ""] = (plain.sargan.stat, q - t, np.nan)
    result = pd.DataFrame.from_dict(rows, orient="index", columns=["statistic", "df", "df_denominator"])
    result.index = pd.MultiIndex.from_tuples(rows, names=["test", "variable"])
    chi2 = special.chdtrc(result["df"], result["statistic"])
    tail = special.fdtrc(result["df"], result["df_denominator"].fillna(1), result["statistic"])
    return result.assign(p_value=np.where(result["df_denominator"].isna(), chi2, tail))


@typed
def panel_ols(
    panel: Panel,
    outcome: str,
    *,
    treatment: str | Sequence[str] | None = None,
    covariates: Sequence[str] | None = None,
    fixed_effects: Sequence[str] | None = None,
) -> Effects:
    """Fit least squares with one or two fixed effects by linearmodels' `PanelOLS`: a cross-check of `TWFE`.

    Parameters
    ----------
    panel : Panel
        Without weights.
    outcome : str
    treatment : str or sequence of str, optional
        Columns. Default: whether the row is at or after its unit's first treated period, labelled "treated".
    covariates : sequence of str, optional
    fixed_effects : sequence of str, optional
        One or two. Default: the panel's unit and time.

    Returns
    -------
    Effects
        By `term`, without influence functions. Estimates and clustered errors, in `TWFE`'s small-sample convention,
        are linearmodels'.

    Raises
    ------
    DataError, CollinearError, EstimationError
        More than two fixed effects.
    """
    from linearmodels.panel import PanelOLS

    check_fixed_effects(fixed_effects)
    names = panel.effect_names(fixed_effects)
    if len(names) > 2:
        raise EstimationError(f"PanelOLS takes two fixed effects, not {len(names)} ({', '.join(names)}); use TWFE")
    dropped = Dropped()
    found = draw_regressors(panel, outcome, treatment, covariates, names, dropped)
    sample, labels = found.sample, found.labels
    _within(found.X, labels, sample.effects)
    k, n = len(labels), len(sample)
    index = pd.MultiIndex.from_arrays([sample.take(sample.panel.unit_codes), sample.take(sample.panel.time_codes)])
    clusters, n_clusters = compact(sample.clusters)
    scale = column_scale(found.X)
    X = pd.DataFrame(found.X / scale, index=index, columns=[f"x{j}" for j in range(k)])
    effects = pd.DataFrame(np.column_stack(sample.effects), index=index)
    fit = PanelOLS(pd.Series(found.y, index=index, name="y"), X, other_effects=effects, singletons=False).fit(
        cov_type="clustered",
        clusters=pd.Series(clusters, index=index),
        debiased=False,
        group_debias=False,
        auto_df=False,
        count_effects=False,
    )
    factor = cluster_factor(n, n_parameters(k, sample.effects, [clusters]), n_clusters)
    return Effects(
        values=fit.params.to_numpy() / scale,
        index=pd.Index(labels, name="term"),
        psi=None,
        covariance=factor * fit.cov.to_numpy() / np.outer(scale, scale),
        method="PanelOLS",
        conventions={
            "fixed effects": ", ".join(names),
            "variance": f"linearmodels, clustered by {panel.clusters.name}, {SMALL_SAMPLE}",
            "singletons": "left out, counted",
        },
        **result_facts(sample.panel, sample.rows, outcome, dropped, t_intervals=True, spread=scale),
    )


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _within(columns: np.ndarray, labels: Sequence[str], effects: Sequence[np.ndarray]) -> np.ndarray:
    """Take fixed effects out of columns in units of their standard deviations; none may depend on those before it."""
    scaled = columns / column_scale(columns)
    within = project(scaled, effects, None)
    lost = [label for label, kept in zip(labels, independent_within(scaled, within, None), strict=True) if not kept]
    if lost:
        raise CollinearError(f"fixed effects and other columns determine {', '.join(lost[:5])} ({len(lost)} columns)")
    return within
